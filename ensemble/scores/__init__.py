"""Symbolic music: kern and MIDI scores become melodies, melodies become leaders."""
