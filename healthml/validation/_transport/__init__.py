"""Other sites and later years."""
