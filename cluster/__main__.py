"""`python -m cluster` is `ensemble`."""

from cluster.main import main

main()
