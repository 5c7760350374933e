"""Fitting of drum kits to recorded strokes."""
