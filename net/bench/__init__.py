"""`croupier bench`: what this build costs on this machine, measured on a server of its own."""

from net.bench.run import run_transport

__all__ = ["run_transport"]
