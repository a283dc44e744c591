"""The quality report: what a table looks like before anything is changed."""
