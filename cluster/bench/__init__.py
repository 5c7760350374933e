"""How fast this machine plays: what `ensemble bench` measures."""
