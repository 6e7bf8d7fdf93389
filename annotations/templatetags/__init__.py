"""Tags of the job pages."""
