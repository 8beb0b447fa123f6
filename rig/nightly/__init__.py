"""Every night: what is run, what has come and gone since, and who is told."""
