"""Values to text for people and machines. No I/O."""
