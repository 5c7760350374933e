"""A chart of a song: the text that a musician reads and corrects, and what is played by it."""
