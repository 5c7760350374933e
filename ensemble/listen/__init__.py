"""Listen: what the leader plays, and what it means."""
