"""The web application, for gunicorn."""

from __future__ import annotations

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gas.settings")

application = get_wsgi_application()

# Loaded now, so that the first page and the first submit do not wait for them.
import_module("gas.urls")
import_module("gas.celery")
