"""What is measured of speed and scale; `cluster/bench_cli.py` calls it."""
