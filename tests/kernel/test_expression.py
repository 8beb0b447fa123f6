import pytest

from rig.kernel import expression

VALUES = {"A": "y", "B": "m", "NAME": '"x86"', "BITS": "64"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", True),
        ("B", True),
        ("C", False),
        ("!C && A", True),
        ("C || A && C", False),
        ("(C || A) && B", True),
        ("!(A && B)", False),
        ("B = m", True),
        ("A != y", False),
        ('NAME = "x86"', True),
        ("BITS >= 64", True),
        ("BITS < 64", False),
        ("C = n", True),
    ],
)
def test_holds(text: str, expected: bool) -> None:
    assert expression.holds(text, VALUES) is expected


@pytest.mark.parametrize("text", ["$(cc-option,-fsanitize=x)", "A &&", "(A", "A B", "C < 1"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        expression.holds(text, VALUES)


def test_symbols_are_named_once_and_without_constants() -> None:
    assert expression.symbols('(A || !B) && A && C = y && D = "word" && E > 12') == ("A", "B", "C", "D", "E")
