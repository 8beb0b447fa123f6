"""A test rig for kernel patches: build, boot, stress, read, compare. No I/O."""

__version__ = "0.1.0"
