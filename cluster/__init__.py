"""Starts or joins Ray, places the actors, watches them; the command line."""
