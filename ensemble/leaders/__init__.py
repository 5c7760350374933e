"""The bundled leader, and how it was made."""
