"""Training of the causal listener."""
