"""What is missing, in which patterns, and what tells of it."""
