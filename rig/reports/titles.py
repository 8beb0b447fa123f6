"""A title made stable: what changes from boot to boot taken out. No I/O."""

import re
from functools import lru_cache

LONGEST = 120  # bytes
_LONGEST_RAW = 1024  # printk's own limit of a record; nothing above it can be left in LONGEST

_RULES = tuple(
    (re.compile(pattern, re.ASCII), replacement)
    for pattern, replacement in (
        (r"syz-executor\.?\d+(?:[/:]\d+)?", "syz-executor"),
        (r"syzkaller\d+(?:[/:]\d+)?", "syzkaller"),
        (r"([^a-zA-Z0-9])(?:0x)?[0-9a-f]{6,}", r"\1ADDR"),
        (r"(?<!\d)\d+\.\d+\.\d+\.\d+", "IP"),
        (r"(\.[a-zA-Z]+):\d+(?::\d+)?", r"\1:LINE"),
        (r"(?<![\w.])([\w.]{2,})\+0x[0-9a-f]+/0x[0-9a-f]+", r"\1"),
        (r"CPU#\d+", "CPU"),
        (r"(\W)\d+(\W|$)", r"\1NUM\2"),
        (r"\d{7,}", "NUM"),
    )
)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_SPACES = re.compile(r" {2,}")
_FRAME = re.compile(r".* in ((?:<[^>]*>)?[\w:]+)", re.ASCII)


@lru_cache(maxsize=1024)
def clean(title: str) -> str:
    """Return a title without addresses, numbers, line numbers and unprintable characters."""
    title = title[:_LONGEST_RAW]
    for pattern, replacement in _RULES:
        title = _replace(pattern, replacement, title)
    title = title.encode(errors="replace")[:LONGEST].decode(errors="ignore")
    return _SPACES.sub(" ", _UNPRINTABLE.sub("", title.replace("\t", " "))).strip()


def _replace(pattern: re.Pattern[str], replacement: str, title: str) -> str:
    while (new := pattern.sub(replacement, title)) != title:
        title = new
    return title


def frame(title: str) -> str | None:
    """Return the function that a title names."""
    match = _FRAME.match(title)
    return match[1] if match else None
