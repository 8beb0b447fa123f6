"""A run as one HTML page that needs nothing else, filled into templates that are code of its own. No I/O."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache, partial

from jinja2 import Environment
from markupsafe import Markup

from rig.compare import COMPILER
from rig.model import Run
from rig.render import commits, covered, wording
from rig.render.escape import printable
from rig.render.html import consoles, coverage, facts, findings, plots, templating
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
    made = templating.environment("rig.render.html")
    style, script = (Markup(templating.source(made, name)) for name in ("page.css", "page.js"))
    made.globals |= {"style": style, "script": script, "script_digest": _digest(script)}
    return made


def _digest(script: str) -> str:
    """Return what the page's policy names its only script by: no other one is ever run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
