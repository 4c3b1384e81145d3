"""How Croupier touches the world: sockets, Redis, files, the command line. Implements the ports of `actors`."""

__version__ = "0.1.0"
