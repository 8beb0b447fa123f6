"""From what was seen to how a guest ended."""

import pytest

from rig.guest.ending import Ending, Evidence, judge
from rig.model import End

HUNG = Ending(end=End.HUNG, reason="silent")


@pytest.mark.parametrize(
    ("seen", "end"),
    [
        (Evidence(ready=True, asked_off=True, shutdown="guest-shutdown"), End.FINISHED),
        (Evidence(ready=True, asked_off=True, shutdown="guest-reset"), End.REBOOTED),
        (Evidence(ready=True, asked_off=True, shutdown="guest-reset", panic="at exit"), End.PANICKED),
        (Evidence(ready=True, shutdown="guest-shutdown"), End.REBOOTED),
        (Evidence(panic="no init", status=-9), End.PANICKED),
        (Evidence(decided=HUNG, panic="NMI: Not continuing", shutdown="guest-reset"), End.HUNG),
        (Evidence(ready=True, status=-9), End.LOST),
    ],
)
def test_every_end_is_one_value(seen: Evidence, end: End) -> None:
    assert judge(seen).end is end


def test_a_guest_that_was_not_ready_says_so() -> None:
    assert "before it was ready" in judge(Evidence(panic="no init")).reason
    assert "before it was ready" not in judge(Evidence(panic="no init", ready=True)).reason


def test_a_lost_qemu_has_the_last_word() -> None:
    assert judge(Evidence(status=-9, complaint="out of memory")).reason == "QEMU was killed by signal 9: out of memory"
