"""The module map of ARCHITECTURE.md, held: imports point down, stages don't know each other, pure means pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (  # lower ones first; a module belongs to the longest name that it starts with
    ("rig", "rig.model", "rig.errors", "rig.events", "rig.progress", "rig.markers", "rig.memory.values"),
    ("rig.yamlfile", "rig.statistics", "rig.duration", "rig.budget"),
    ("rig.ktap", "rig.selftests", "rig.reach"),
    ("rig.workloads",),
    ("rig.experiment", "rig.reports", "rig.compare", "rig.metrics", "rig.symptoms", "rig.gcov", "rig.suspects"),
    ("rig.coverage",),
    ("rig.standing", "rig.shown", "rig.bisection"),
    ("rig.expected", "rig.series"),
    ("rig.schedule",),
    (
        "rig.nightly.changes",
        "rig.nightly.health",
        "rig.nightly.known",
        "rig.nightly.tell",
        "rig.nightly.regressions",
        "rig.nightly.matrix",
    ),
    ("rig.nightly.news", "rig.nightly.planning"),
    ("rig.render",),
    ("rig.paths", "rig.proc", "rig.own"),
    ("rig.cache",),
    ("rig.kernel", "rig.guest", "rig.decode", "rig.store"),
    ("rig.memory",),
    ("rig.plan", "rig.gc", "rig.doctor", "rig.reading", "rig.testing"),
    ("rig.rounds", "rig.filing", "rig.stored", "rig.inputs", "rig.submission", "rig.hook"),
    ("rig.settling", "rig.covering"),
    ("rig.pipeline",),
    ("rig.examining",),
    ("rig.presubmit",),
    ("rig.selfcheck", "rig.slowdown", "rig.bisecting"),
    ("rig.nightly", "rig.site", "rig.serving"),
    ("rig.cli", "rig.__main__"),
)
STAGES = ("rig.kernel", "rig.guest", "rig.decode", "rig.store", "rig.plan", "rig.gc", "rig.doctor")
EFFECTS = {"subprocess", "socket", "asyncio", "shutil", "tempfile", "fabric", "paramiko", "qemu", "psutil", "filelock"}
ALLOWED = {
    ("rig.plan", "rig.kernel"),
    ("rig.doctor", "rig.kernel"),
    ("rig.doctor", "rig.guest"),
    ("rig.gc", "rig.store"),
}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "rig").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules `path` imports, those of the rig by their full names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else node.module


def group(name: str, groups: tuple[str, ...]) -> str | None:
    fitting = [each for each in groups if name == each or name.startswith(f"{each}.")]
    return max(fitting, key=len, default=None)


def layer(name: str) -> int:
    every = tuple(each for names in LAYERS for each in names)
    mine = group(name, every)
    return next(number for number, names in enumerate(LAYERS) if mine in names)


MODULES = modules()


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    for imported in imports(MODULES[name], MODULES):
        if imported in MODULES:
            assert layer(imported) <= layer(name), f"{name} imports {imported}, which is above it"


@pytest.mark.parametrize("name", MODULES)
def test_stages_do_not_import_each_other(name: str) -> None:
    own = group(name, STAGES)
    for imported in imports(MODULES[name], MODULES):
        other = group(imported, STAGES)
        if own and other and own != other:
            assert (own, other) in ALLOWED, f"{name} imports {imported}"


@pytest.mark.parametrize("name", MODULES)
def test_what_claims_no_io_has_no_way_to_do_any(name: str) -> None:
    doc = ast.get_docstring(ast.parse(MODULES[name].read_text())) or ""
    if doc.splitlines()[0].endswith("No I/O."):
        for imported in imports(MODULES[name], MODULES):
            assert imported.partition(".")[0] not in EFFECTS, f"{name} imports {imported}"
            assert imported not in MODULES or "No I/O." in MODULES[imported].read_text(), f"{name} imports {imported}"


@pytest.mark.parametrize("name", MODULES)
def test_only_proc_starts_processes(name: str) -> None:
    if name != "rig.proc":
        text = MODULES[name].read_text()
        assert "subprocess" not in text.replace("asyncio.subprocess", "")
        assert "create_subprocess" not in text
