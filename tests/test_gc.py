"""What may be removed, and what may not."""

import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from rig import cache, gc, paths, store
from rig.model import Comparison, Finding, Verdict
from tests import values

pytestmark = pytest.mark.usefixtures("own_dirs")


def kept(directory: Path, *, days: float = 0.0) -> Path:
    """Make an entry of the cache that was used so many days ago."""
    directory.mkdir(parents=True)
    (directory / "file").write_bytes(bytes(100))
    used = time.time() - days * gc.DAY
    os.utime(directory, (used, used))
    return directory


def going(*, days: float = 14.0, everything: bool = False) -> set[Path]:
    return {item.path for item in gc.garbage(days=days, everything=everything)}


def test_what_was_not_used_for_long_goes() -> None:
    old, new = kept(cache.kernels() / "old", days=15), kept(cache.kernels() / "new", days=13)
    assert going() == {old}
    assert going(days=10) == {old, new}


def test_a_source_that_is_in_use_stays() -> None:
    old = kept(cache.sources() / "tree", days=99)
    with FileLock(old / "lock"):
        os.utime(old, (0, 0))
        assert going() == set()


def test_an_interrupted_run_goes_and_a_live_one_stays() -> None:
    with store.draft() as interrupted:
        pass
    with store.draft() as live:
        assert going() == {interrupted.directory}
        assert live.directory not in going(everything=True)


def test_a_live_run_keeps_the_whole_cache() -> None:
    kernel = kept(cache.kernels() / "kernel")
    with store.draft():
        assert going(everything=True) == set()
    assert cache.kernels() in going(everything=True)
    assert kernel.is_relative_to(paths.cache())


def test_removed_is_gone() -> None:
    old = kept(cache.images() / "old", days=99)
    (item,) = gc.garbage(days=14, everything=False)
    assert item.bytes == 100
    gc.remove(item)
    assert not old.exists()


def ended(verdict: Verdict, *findings: Finding, days: float = 1.0) -> Path:
    """Keep a run that ended so many days ago."""
    with store.draft() as draft:
        (draft.directory / "console-base-1.log").write_text("said")
        (draft.directory / "build-base.log").write_text("built")
        draft.finish(values.run(id=draft.id, comparison=Comparison(verdict=verdict, findings=findings, metrics=())))
    directory = paths.runs() / draft.id
    used = time.time() - days * gc.DAY
    for path in (directory, *directory.iterdir()):
        os.utime(path, (used, used))
    return directory


def beyond(quota: int, since: float = 0.5) -> list[Path]:
    return [item.path for item in gc.beyond(quota, time.time() - since * gc.DAY)]


def test_beyond_a_quota_kernels_go_first_the_one_used_longest_ago_first() -> None:
    new, old = kept(cache.kernels() / "new", days=1), kept(cache.kernels() / "old", days=2)
    ended(Verdict.CLEAN)
    assert beyond(10**6) == []
    assert beyond(0)[:2] == [old, new]


def test_then_clean_runs_and_of_those_with_findings_all_but_results_and_consoles() -> None:
    bad, doubt = ended(Verdict.REGRESSION, values.finding("A")), ended(Verdict.INCONCLUSIVE)
    clean = ended(Verdict.CLEAN)
    assert beyond(0) == [clean, doubt, bad / "build-base.log"]


def test_what_the_night_itself_used_stays() -> None:
    kept(cache.kernels() / "tonight", days=0.1)
    ended(Verdict.CLEAN, days=0.1)
    assert beyond(0) == []


def test_an_interrupted_run_that_somebody_will_go_on_with_stays() -> None:
    with pytest.raises(KeyboardInterrupt), store.draft() as draft:
        draft.keep(values.trial("base"))
        draft.await_resumption()
        raise KeyboardInterrupt
    assert going() == set()


def test_beyond_a_quota_what_a_run_that_goes_on_may_use_stays() -> None:
    old = kept(cache.kernels() / "old", days=1)
    with store.draft():
        kept(cache.kernels() / "in-use")
        assert beyond(0, since=-1) == [old]
    assert len(beyond(0, since=-1)) == 2
