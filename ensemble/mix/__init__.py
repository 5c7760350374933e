"""Stems to a mix: gain and pan, the bus, loudness, true peaks."""
