"""Questions about a table that no transformer answers: roles, redundancy, order, keys."""
