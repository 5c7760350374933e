"""Mixing: gain and pan, the sum of leader and stems, loudness, limiter, and measured levels."""
