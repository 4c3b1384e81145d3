"""`python -m net` is `croupier`."""

from net.cli import main

main(prog_name="croupier")
