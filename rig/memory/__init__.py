"""What the rig remembers from one night to the next."""
