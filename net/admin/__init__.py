"""What an operator may ask a running server, on a listener of its own: behind a proxy, loopback proves nothing."""
