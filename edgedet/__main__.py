"""`python -m edgedet`."""

from edgedet.cli import main

main()
