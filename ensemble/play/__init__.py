"""Playing: pitch and loudness become sound, a quantum at a time."""
