"""What pytest tests of a user's get from the rig: the fixtures `guest` and `guest_path` (docs/workloads.md)."""

from rig.testing.guest import CommandError, Guest, GuestLostError, Result

__all__ = ["CommandError", "Guest", "GuestLostError", "Result"]
