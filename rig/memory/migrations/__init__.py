"""How the tables of the memory came to be what they are, step by step (Alembic)."""
