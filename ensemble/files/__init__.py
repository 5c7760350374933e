"""Files of every kind: digests, whole replacement, weights with their cards."""
