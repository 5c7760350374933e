"""How many numbers control the synthesizer: what a trained voice must fit."""

NUM_HARMONICS = 100
"""Sinusoids at whole multiples of the fundamental."""
NUM_BANDS = 65
"""Bands of the filtered noise."""
