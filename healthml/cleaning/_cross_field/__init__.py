"""Fields of one row that contradict each other."""
