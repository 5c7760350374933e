"""Training of the arranger."""
