"""manage.py annotate, manage.py reference."""
