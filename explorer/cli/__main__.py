"""`python -m explorer.cli`: the same as `crate-explorer`."""

from explorer.cli import main

main()
