"""Conditions as Kconfig files write them, evaluated against a configuration. No I/O."""

import re
from collections.abc import Callable, Mapping

TOKEN = re.compile(r"\s*(\|\||&&|!=|<=|>=|[!()=<>]|\"[^\"]*\"|\w+)")
CONSTANTS = ("y", "m", "n")


def symbols(expression: str) -> tuple[str, ...]:
    """Return the symbols an expression mentions, each once."""
    words = re.findall(r"\w+", re.sub(r"\"[^\"]*\"|\$\([^)]*\)", "", expression))
    return tuple(dict.fromkeys(word for word in words if word not in CONSTANTS and not word.isdecimal()))


def holds(expression: str, values: Mapping[str, str]) -> bool:
    """Say whether an expression is true (y or m); raises ValueError if it has what this does not know, as macros."""
    reader = _Reader(_tokens(expression), values)
    found = reader.either()
    if reader.rest:
        raise ValueError(expression)
    return found


def _tokens(expression: str) -> list[str]:
    found = []
    place = 0
    while expression[place:].strip():
        token = TOKEN.match(expression, place)
        if not token:
            raise ValueError(expression)
        found.append(token[1])
        place = token.end()
    return found


def _number(text: str) -> int:
    return int(text, 0)


COMPARE: dict[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: _number(left) < _number(right),
    ">": lambda left, right: _number(left) > _number(right),
    "<=": lambda left, right: _number(left) <= _number(right),
    ">=": lambda left, right: _number(left) >= _number(right),
}


class _Reader:
    """Reads an expression from the left; a method for each level of binding."""

    def __init__(self, tokens: list[str], values: Mapping[str, str]) -> None:
        self.rest = tokens
        self._values = values

    def either(self) -> bool:
        found = self._all()
        while self._take("||"):
            found = self._all() or found
        return found

    def _all(self) -> bool:
        found = self._one()
        while self._take("&&"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._take("!"):
            return not self._one()
        if self._take("("):
            found = self.either()
            if not self._take(")"):
                raise ValueError("unbalanced")
            return found
        left = self._value()
        for sign, compare in COMPARE.items():
            if self._take(sign):
                return compare(left, self._value())
        return left in ("y", "m")

    def _take(self, token: str) -> bool:
        if self.rest[:1] != [token]:
            return False
        self.rest = self.rest[1:]
        return True

    def _value(self) -> str:
        if not self.rest:
            raise ValueError("cut short")
        word, self.rest = self.rest[0], self.rest[1:]
        if word.startswith('"') or word in CONSTANTS or word.isdecimal():
            return word.strip('"')
        return self._values.get(word, "n").strip('"')
