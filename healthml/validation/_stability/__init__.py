"""How much the risks change when other patients had been sampled."""
