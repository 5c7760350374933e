"""Solo pieces, for the corpus and for measuring retrieval. Composing them needs FluidSynth, renders do not."""
