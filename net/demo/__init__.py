"""`croupier demo`: a game to watch, on a real server, with a kill in the middle."""

from net.demo.run import run_demo

__all__ = ["run_demo"]
