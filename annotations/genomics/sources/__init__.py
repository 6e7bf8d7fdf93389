"""What is known of a variant elsewhere: declared in TOML, compiled once, looked up chunk by chunk."""
