"""Measured facts: levels, clicks, speed."""
