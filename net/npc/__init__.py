"""The players that the house provides: users `npc:mcts`, `npc:greedy` and `npc:random`, each an actor in each game."""
