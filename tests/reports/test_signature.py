from rig.model import Report
from rig.reports.signature import key, same


def test_reports_with_a_title_in_common_are_the_same_bug() -> None:
    oob = Report(title="KASAN: slab-out-of-bounds Read in f", alt_titles=("bad-access in f",))
    fault = Report(title="BUG: unable to handle kernel paging request in f", alt_titles=("bad-access in f",))
    other = Report(title="BUG: unable to handle kernel paging request in g", alt_titles=("bad-access in g",))
    assert same(oob, fault)
    assert not same(fault, other)
    assert key(oob) == {"KASAN: slab-out-of-bounds Read in f", "bad-access in f"}
