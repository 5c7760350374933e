"""What is seen of those who play: status, journals, traces."""
