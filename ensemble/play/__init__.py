"""Players: from cues to sound, by oscillators and filtered noise for pitched parts, and by strokes for drums."""
