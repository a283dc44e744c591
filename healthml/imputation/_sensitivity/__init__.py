"""Results when the missing values differ from those that are seen."""
