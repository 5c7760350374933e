"""Conduct: what every follower plays, and how loud."""
