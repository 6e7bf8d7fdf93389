"""Django's way to the commands of this app."""
