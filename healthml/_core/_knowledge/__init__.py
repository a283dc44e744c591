"""Clinical facts with their sources: ranges, units, concepts of columns, words of categories."""
