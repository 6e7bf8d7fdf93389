"""Results to cold storage and back."""
