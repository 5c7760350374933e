"""Training of instrument voices."""
