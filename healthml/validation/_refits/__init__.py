"""A procedure refitted on resamples: seeded, counted, its failures kept."""
