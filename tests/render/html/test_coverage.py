import pytest

from rig.model import Coverage
from rig.render.html import coverage
from rig.render.html.patch import parse
from tests import values

TEXT = """\
--- a/virt/kvm/x.c
+++ b/virt/kvm/x.c
@@ -9,1 +9,4 @@ int kvm_f(int a)
 same();
+line(10);
+line(11);
+/* line 12 */
"""


def test_each_added_line_says_whether_it_ran() -> None:
    patch = parse(TEXT)
    said = {
        line.new: coverage.cells(values.covered(), patch)[line.id]
        for line in patch.files[0].lines
        if line.kind == "add"
    }
    assert [(said[n].state, said[n].text) for n in (10, 11, 12)] == [
        ("ran", "104×"),
        ("never", "never"),
        ("silent", ""),
    ]
    assert said[10].hint == "ran 104 times under churn"


@pytest.mark.parametrize(
    ("count", "text"), [(7, "7×"), (999, "999×"), (90273, "90k×"), (5 * 10**6, "5M×"), (10**13, "999G×")]
)
def test_counts_are_short(count: int, text: str) -> None:
    (cell,) = coverage.cells(Coverage(lines=(values.changed(10, count),)), parse(TEXT)).values()
    assert cell.text == text


def test_what_never_ran_leads_to_its_line_where_that_is_shown() -> None:
    shown, not_shown = coverage.missed((values.changed(11, 0), values.changed(99, 0)), parse(TEXT))
    assert shown.href == "p1-1-3"
    assert not_shown.href == ""
