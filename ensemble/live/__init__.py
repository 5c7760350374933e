"""Following a leader who is still playing: what is heard, where the beat will be, and what the band plays there."""
