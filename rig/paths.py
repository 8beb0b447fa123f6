"""Where things are: the project's own files, the cache, the runs, the memory. Reads the environment only."""

import os
from pathlib import Path

import platformdirs


def project() -> Path:
    """Return the directory that holds `configs/`, `images/` and `kernels/` ($RIG_PROJECT, else the checkout)."""
    return Path(os.environ.get("RIG_PROJECT") or Path(__file__).resolve().parent.parent)


def cache() -> Path:
    """Return the directory of sources, builds, kernels and images ($XDG_CACHE_HOME/rig)."""
    return Path(platformdirs.user_cache_dir("rig"))


def nightly() -> Path:
    """Return the directory of what `rig nightly` itself keeps: its lock, its logs ($XDG_STATE_HOME/rig/nightly)."""
    return Path(platformdirs.user_state_dir("rig")) / "nightly"


def runs() -> Path:
    """Return the directory of run directories ($XDG_STATE_HOME/rig/runs)."""
    return Path(platformdirs.user_state_dir("rig")) / "runs"


def memory() -> Path:
    """Return the database file of what nights leave behind ($XDG_STATE_HOME/rig/memory.sqlite)."""
    return Path(platformdirs.user_state_dir("rig")) / "memory.sqlite"


def site() -> Path:
    """Return the directory of the pages that `rig site` makes ($XDG_STATE_HOME/rig/site)."""
    return Path(platformdirs.user_state_dir("rig")) / "site"
