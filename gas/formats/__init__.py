"""How dates look where nothing else is said: Django finds these by FORMAT_MODULE_PATH."""
