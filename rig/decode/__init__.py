"""Frames of a report, with the kernel they came from at hand: file, line, and what was inlined."""
