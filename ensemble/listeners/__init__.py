"""Networks that listen, as ONNX; `NOTICE` says whose they are, and `tests/bench/make_networks.py` makes them again."""
