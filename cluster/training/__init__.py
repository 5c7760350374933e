"""Training, and preparing what is trained on, by Ray."""
