"""Trained performers that come with the package, by instrument, each with its card."""
