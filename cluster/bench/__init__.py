"""What is measured of speed and scale; `cluster/cli/bench.py` calls it."""
