"""The hall: starts Ray, seats the players, watches them, and speaks to the operator."""
