"""The quality report on tables that are not loaded."""
