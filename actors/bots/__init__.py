"""Players of any game that are no people: what they do is decided here, from what their seat sees. Pure, no await."""
