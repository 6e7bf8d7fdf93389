"""The two plans, with the figures of the settings."""

from django.conf import settings
from django.db import migrations


def add_plans(apps, schema_editor):
    Plan = apps.get_model("accounts", "Plan")
    for code, own_sources in (("free", False), ("premium", True)):
        figures = {column: value for column, (_, value) in settings.PLANS[code].items()}
        Plan.objects.get_or_create(code=code, defaults={**figures, "own_sources": own_sources})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(add_plans, migrations.RunPython.noop)]
