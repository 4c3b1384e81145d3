"""`croupier new-game`: a package of its own with the rules of a small game, to be made into those of another."""
