"""What a kernel console says, read. No I/O."""
