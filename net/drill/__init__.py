"""`croupier drill`: games on a real server, to which everything is done that can be done to one, and the proof that
nothing was lost."""
