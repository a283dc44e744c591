"""Near-duplicate rows: which rows tell of the same patient, and how sure that is."""
