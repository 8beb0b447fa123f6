"""What nights left in the memory, as pages that need no server: values and templates. No I/O."""
