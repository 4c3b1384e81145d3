"""Games that are over, shown again: the document of the API, and `croupier replay`."""
