"""Networks that listen: others' as ONNX (made again by `tests/bench/make_networks.py`), our own with their cards."""
