"""`croupier arena`: the house's players against each other, without a server, to see how strong they are."""
