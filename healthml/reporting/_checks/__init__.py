"""The audit's checks: each asks a room and words the answer."""
