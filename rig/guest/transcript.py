"""What a workload printed, without letting it fill the memory. No I/O."""

import json
from collections import deque
from collections.abc import Callable

RECENT = 1000  # lines that are kept whatever they say
KEPT = 4000  # older lines that are kept because they are for the rig
LONGEST = 4096  # characters; the rest of a line is dropped
PROGRESS, DETECTORS = "@progress ", "@detectors "
# A detector, and the answer of images/rig-run that shows it alive.
ALIVE = {"lockdep": "debug_locks", "kasan": "kasan"}


class Transcript:
    """The lines a workload printed that matter, in order: its last ones, and older ones that are marks or metrics."""

    def __init__(self, on_progress: Callable[[str], None]) -> None:
        self._on_progress = on_progress
        self._kept: deque[str] = deque(maxlen=KEPT)
        self._recent: deque[str] = deque(maxlen=RECENT)

    def add(self, line: str) -> None:
        """Take a line."""
        if len(self._recent) == RECENT and self._recent[0].startswith(("@", "{")):
            self._kept.append(self._recent[0])
        self._recent.append(line[:LONGEST])
        if line.startswith(PROGRESS):
            self._on_progress(line.removeprefix(PROGRESS))

    def lines(self) -> list[str]:
        """Return the lines."""
        return [*self._kept, *self._recent]

    def lost(self, detectors: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of `detectors` the guest said are not alive any more; one it doesn't know of is not lost."""
        answers = self._answers()
        return tuple(name for name in detectors if answers.get(ALIVE.get(name, name)) == 0)

    def _answers(self) -> dict[str, object]:
        said = next((line for line in reversed(self._recent) if line.startswith(DETECTORS)), "")
        try:
            answers = json.loads(said.removeprefix(DETECTORS))
        except ValueError:
            return {}
        return answers if isinstance(answers, dict) else {}
