"""The types that pass from stage to stage: frozen dataclasses, checked when they are made."""
