"""Models fitted on several completed tables."""
