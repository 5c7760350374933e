"""From what is heard of a leader to a band's parts, and to their dynamics block by block."""
