"""What a new game is made from. It is a game that works, so that it is checked as everything else is."""
