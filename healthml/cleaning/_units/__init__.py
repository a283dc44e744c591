"""Units of measurement: which one a column is in, and cells in another one."""
