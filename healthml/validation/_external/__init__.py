"""A fitted model on other patients."""
