"""`croupier play`: a person plays in the terminal, against one of the house's players."""
