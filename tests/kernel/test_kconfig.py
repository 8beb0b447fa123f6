import pytest

from rig.kernel import kconfig
from rig.kernel.kconfig import Dropped, Request

FILE = """
config PLAIN
    bool "plain"
    depends on NET && \\
           !OFF
    help
      config NOT_ONE is only mentioned here

if OUTER
config INNER
    tristate "inner"
    depends on ON
endif

config HIDDEN
    bool

menuconfig LOUD
    bool "loud"
    select HIDDEN
"""


def asked(symbol: str, value: str = "y") -> Request:
    return Request(symbol=symbol, value=value, origin="f:1")


def why(symbol: str, value: str, config: str) -> str:
    return kconfig.why(Dropped(request=asked(symbol, value), got="?"), {"lib/Kconfig": FILE}, config)


def test_a_fragment_says_what_is_asked_for_and_where() -> None:
    lines = ["# words", "", "CONFIG_A=y", "# CONFIG_B is not set", 'CONFIG_C="x y"', "CONFIG_D=n"]
    assert kconfig.parse(lines, "f") == (
        Request(symbol="A", value="y", origin="f:3"),
        Request(symbol="B", value="n", origin="f:4"),
        Request(symbol="C", value='"x y"', origin="f:5"),
        Request(symbol="D", value="n", origin="f:6"),
    )


def test_other_lines_are_refused_with_their_place() -> None:
    with pytest.raises(ValueError, match=r"f:2: .*'KASAN=y'"):
        kconfig.parse(["CONFIG_A=y", "KASAN=y"], "f")


def test_the_last_request_wins_and_stands_where_it_stood() -> None:
    merged = kconfig.merge((asked("SLUB", "n"), asked("SLOB"), asked("SLUB")))
    assert [request.line for request in merged] == ["CONFIG_SLOB=y", "CONFIG_SLUB=y"]


def test_not_set_is_written_as_kconfig_does() -> None:
    assert asked("A", "n").line == "# CONFIG_A is not set"


def test_dropped_are_those_that_came_out_otherwise() -> None:
    config = "CONFIG_KEPT=y\n# CONFIG_LOST is not set\nCONFIG_FORCED=y\nCONFIG_NUMBER=8\n"
    requests = (asked("KEPT"), asked("LOST"), asked("FORCED", "n"), asked("NUMBER", "16"), asked("GONE"))
    found = kconfig.dropped((*requests, asked("ABSENT", "n")), config)
    assert [(each.request.symbol, each.got) for each in found] == [
        ("LOST", "n"),
        ("FORCED", "y"),
        ("NUMBER", "8"),
        ("GONE", "n"),
    ]


def test_why_names_the_condition_that_fails() -> None:
    assert why("PLAIN", "y", "CONFIG_NET=y\nCONFIG_OFF=y\n") == (
        "depends on NET && !OFF (NET is y, OFF is y) in lib/Kconfig"
    )


def test_why_counts_the_blocks_around_and_only_what_fails() -> None:
    assert why("INNER", "y", "CONFIG_ON=y\n") == "depends on OUTER (OUTER is n) in lib/Kconfig"


def test_why_names_who_selects() -> None:
    assert why("HIDDEN", "n", "CONFIG_LOUD=y\n") == "LOUD selects it"


def test_why_says_that_a_symbol_has_no_prompt() -> None:
    assert "only selected" in why("HIDDEN", "y", "")


def test_why_says_that_there_is_no_such_symbol() -> None:
    assert why("NOT_ONE", "y", "") == "there is no such symbol in this tree"


def test_why_owns_up_when_it_does_not_know() -> None:
    assert "decides it otherwise" in why("LOUD", "y", "")
