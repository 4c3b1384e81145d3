"""`croupier bench`: what this build costs on this machine, each benchmark a command of its own."""
