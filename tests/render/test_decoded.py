from rig.model import Location
from rig.render.decoded import place


def test_a_place_with_its_source() -> None:
    told = place(Location(function="f", file="fs/x.c", line=8), ((7, "int f(void)"), (8, "\tBUG();"), (9, "")))
    assert told.plain == "at fs/x.c:8 in f\n       7  int f(void)\n>      8          BUG();\n       9\n"


def test_a_place_without() -> None:
    assert place(Location(function="", file="fs/x.c", line=8), ()).plain == "at fs/x.c:8\n"


def test_nothing_can_steer_the_terminal() -> None:
    told = place(Location(function="f\x1b[2J", file="\x1b", line=1), ((1, "\x1b[31m\x07[bold]"),))
    assert "\x1b" not in told.plain
    assert "\x07" not in told.plain
    assert "[bold]" in told.plain
