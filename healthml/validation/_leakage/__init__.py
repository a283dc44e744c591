"""What would make a performance look better than it is."""
