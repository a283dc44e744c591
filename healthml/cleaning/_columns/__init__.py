"""What a column is made of: its storage, its populations, its missing codes."""
