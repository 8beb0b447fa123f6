"""A run as one HTML page that needs nothing else, filled into templates that are code of its own. No I/O."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rig import duration
from rig.compare import COMPILER
from rig.model import Run
from rig.render import commits, covered, wording
from rig.render.escape import printable
from rig.render.html import consoles, coverage, facts, findings, plots
from rig.render.html.consoles import Packed
from rig.render.html.grid import grid, keyed, label
from rig.render.html.patch import parse
from rig.render.html.timeline import timeline


def render(run: Run, raw: Mapping[str, bytes]) -> str:
    """Return the page of `run`, with those of its `raw` consoles (by file name) that there are, as far as they fit.

    They are looked at one after the other. The page is ASCII, so that it means the same in whatever encoding it is
    written.
    """
    cap = consoles.share(len(run.trials))
    found = ((key, trial, raw.get(trial.console)) for key, trial in keyed(run))
    packed = {key: consoles.pack(text, trial, cap) for key, trial, text in found if text is not None}
    return _filled_in(run, packed).encode("ascii", "xmlcharrefreplace").decode()


def _filled_in(run: Run, packed: Mapping[str, Packed]) -> str:
    patch = parse(run.patch)
    items = findings.items(run, packed, patch)
    short = covered.short(run.coverage) if run.coverage else None
    page = _templates().get_template("page.html.jinja")
    return page.render(
        run=run,
        again=wording.again(run),
        title=wording.title(run),
        commits=commits.rows(run.presubmit) if run.presubmit else (),
        label=partial(label, run),
        verdict=run.comparison.verdict,
        sentence=wording.because(run),
        items=items,
        warnings=[each for each in run.comparison.findings if each.type == COMPILER],
        tones=findings.TONES,
        grid=grid(run, packed),
        patch=patch,
        marks=findings.marks(items),
        covered=short,
        missed=coverage.missed(short.missed, patch) if short else (),
        cells=coverage.cells(run.coverage, patch) if run.coverage else {},
        metrics=plots.metrics(run.comparison.metrics),
        timeline=timeline(run),
        kernels=facts.kernels(run),
        machine=facts.machine(run),
        settings=facts.settings(run),
        consoles=[(key, trial, packed.get(key)) for key, trial in keyed(run)],
        embedded=_embedded(run, packed),
    )


def _embedded(run: Run, packed: Mapping[str, Packed]) -> dict[str, dict[str, object]]:
    """Return the consoles as the page's script reads them, by the keys of their trials."""
    return {
        key: {
            "name": printable(trial.console),
            "kept": console.kept,
            "lines": console.lines,
            "marks": [asdict(mark) for mark in console.marks],
            "text": console.text,
        }
        for key, trial in keyed(run)
        if (console := packed.get(key))
    }


@cache
def _templates() -> Environment:
    loader = PackageLoader("rig.render.html", "")
    made = Environment(
        keep_trailing_newline=True,
        loader=loader,
        autoescape=True,
        finalize=_spelled_out,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (Markup(loader.get_source(made, name)[0]) for name in ("page.css", "page.js"))
    made.globals |= {"style": style, "script": script, "script_digest": _digest(script)}
    made.filters |= {
        "seconds": _seconds,
        "size": _size,
        "number": _number,
        "percent": _percent,
        "moment": _moment,
        "clock": duration.clock,
    }
    made.filters |= {"span": _span, "short": _short}
    return made


def _spelled_out(value: Any) -> Any:
    """Return text with control characters spelled out; autoescape sees to the rest."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _digest(script: str) -> str:
    """Return what the page's policy names its only script by: no other one is ever run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _seconds(value: float) -> str:
    if value < 10:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB" if count >= 1e3 else f"{count} bytes"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e12 else f"{value:.4g}"


def _span(values: tuple[float, ...]) -> str:
    """Return the value that all trials agree on, or from the least to the greatest."""
    low, high = min(values), max(values)
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


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
