"""Ways of filling gaps compared on the same patients."""
