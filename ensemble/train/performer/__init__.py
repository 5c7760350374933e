"""Training of performers."""
