"""Lengths of time and sizes as people write them. No I/O."""

import re

_BYTES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS = {"h": 3600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def seconds(text: str) -> int:
    """Return the seconds of "90", "90s", "20m" or "1h30m"; raises ValueError."""
    found = _WRITTEN.fullmatch(text.strip().lower())
    total = (
        sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS.values(), strict=True))
        if found
        else 0
    )
    if not total:
        raise ValueError(f"{text!r} is no length of time: write 90s, 20m or 1h30m")
    return total


def words(length: float) -> str:
    """Return seconds as "45s", "20m" or "1h30m", whole minutes from ten minutes on."""
    whole = round(length) if length < 600 else round(length / 60) * 60
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def clock(seconds: float) -> str:
    """Return a time as "8s", "1:05" or "1:02:05"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(text: str) -> int:
    """Return the bytes of "20G", "1.5 GB" or "500M"; raises ValueError."""
    number = text.strip().upper().removesuffix("B")
    unit = _BYTES.get(number[-1:], 1)
    try:
        return int(float(number.rstrip("KMGT")) * unit)
    except ValueError:
        raise ValueError(f"{text!r} is no size: write 20G or 500M") from None
