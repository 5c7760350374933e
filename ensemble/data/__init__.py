"""Recordings to learn from: readers of data sets in their own layouts, a composer of new ones, and their splits."""
