"""Many leaders as one batch."""
