"""A whole random scenario from one seed: games, people, and everything that can be done to their server; and the
judgement of it. `croupier sim` runs thousands ([docs/simulation.md])."""
