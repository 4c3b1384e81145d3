"""What a game author writes, and the games that ship: pure functions, no await."""
