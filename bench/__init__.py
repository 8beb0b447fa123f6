"""Benchmarks: what the rig adds to what can't be avoided, as ratios measured in one run."""
