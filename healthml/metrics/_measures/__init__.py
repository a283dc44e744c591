"""The measures one by one, and their registry."""
