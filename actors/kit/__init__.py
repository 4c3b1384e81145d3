"""The actor runtime: mailboxes, actors, supervision. Knows nothing of games; imports trio and attrs alone."""
