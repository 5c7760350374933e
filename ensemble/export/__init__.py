"""A finished render for other programs: stems that add up, one MIDI file, a chart, a project for a DAW."""
