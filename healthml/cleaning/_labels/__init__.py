"""Labels that the other patients contradict."""
