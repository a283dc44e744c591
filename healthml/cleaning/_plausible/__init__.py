"""Values that no patient can have, and slipped decimal points."""
