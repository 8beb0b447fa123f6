"""Templates that put up what others said: all is escaped; and how numbers and times look there. No I/O."""

from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rig import duration
from rig.render.escape import printable


def environment(package: str) -> Environment:
    """Return an environment with the templates beside the modules of `package`."""
    made = Environment(
        keep_trailing_newline=True,
        loader=PackageLoader(package, ""),
        autoescape=True,
        finalize=_spelled_out,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "seconds": _seconds,
        "size": _size,
        "number": number,
        "percent": _percent,
        "moment": _moment,
        "clock": duration.clock,
        "words": duration.words,
        "span": _span,
        "short": _short,
    }
    return made


def source(made: Environment, name: str) -> str:
    """Return a file beside the templates as it is."""
    assert made.loader
    return made.loader.get_source(made, name)[0]


def _spelled_out(value: Any) -> Any:
    """Return text with control characters spelled out; autoescape sees to the rest."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _seconds(value: float) -> str:
    if value < 10:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB" if count >= 1e3 else f"{count} bytes"


def number(value: float) -> str:
    """Return a number as people read it, four digits at least."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e12 else f"{value:.4g}"


def _span(values: tuple[float, ...]) -> str:
    """Return the value that all trials agree on, or from the least to the greatest."""
    low, high = min(values), max(values)
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def _percent(value: float | None) -> str:
    return "was 0" if value is None else f"{value:+.1%}"


def _moment(text: str) -> str:
    """Return a time of ISO 8601 for people; as it is if it can't be read."""
    try:
        return f"{datetime.fromisoformat(text):%d %B %Y, %H:%M} UTC".lstrip("0")
    except ValueError:
        return text


def _short(path: str) -> str:
    """Return the end of a path that is of the host that built the kernel, not of its source."""
    return "…/" + "/".join(path.split("/")[-4:]) if path.startswith("/") else path
