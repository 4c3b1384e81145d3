"""What Croupier is: tables, sessions, recovery. No socket, no Redis, no file, no wall clock in here."""
