"""Settings and how they are read: what a YAML file may say, and styles."""
