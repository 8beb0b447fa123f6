"""What error-paths does where it can't work, and what it is made of."""

import re
from pathlib import Path

import pytest

from tests.images.conftest import IMAGES
from tests.images.test_options import run

OPERATIONS = IMAGES / "workloads" / "lib" / "operations.c"
MOST_KINDS = IMAGES / "workloads" / "lib" / "workload.h"


@pytest.mark.skipif(Path("/proc/self/fail-nth").exists(), reason="this kernel can inject faults, and would")
def test_without_fault_injection_it_is_skipped_with_the_reason(built: Path) -> None:
    done = run(built, "error-paths", "--seconds", "0")
    assert done.returncode == 4
    assert re.search(r"^@skip .*(fault injection|/dev/kvm)", done.stdout, re.MULTILINE)


def names() -> list[str]:
    """The operations, which are the names of counts too."""
    return re.findall(r"^\t(?:OPERATION|REFUSAL)\((\w+), ", OPERATIONS.read_text(), re.MULTILINE)


def test_every_operation_is_counted_under_its_own_name() -> None:
    found = names()
    assert len(found) == len(set(found)) > 30
    most = re.search(r"#define MOST_KINDS (\d+)", MOST_KINDS.read_text())
    assert most
    assert len(found) <= int(most[1])
