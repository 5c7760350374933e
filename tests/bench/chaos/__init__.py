"""Renders that are disturbed on purpose, on hosts that are namespaces of one machine."""
