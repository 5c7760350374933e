"""Names that actors are found by, where Ray is not loaded yet."""

NAMESPACE = "ensemble"
