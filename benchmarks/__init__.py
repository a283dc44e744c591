"""Speed beside named peers; `python -m benchmarks` runs it all."""
