"""How many patients are needed."""
