"""Training: from takes to voices that play."""
