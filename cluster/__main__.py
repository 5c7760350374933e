"""`python -m cluster` is `ensemble`."""

from cluster.cli import main

main()
