"""The record of every changed cell: counted, summarised, undone."""
