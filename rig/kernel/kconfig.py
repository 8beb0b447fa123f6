"""Kconfig as a value: parse, merge, find what was dropped and why. No I/O."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rig.kernel import expression

LINE = re.compile(r"(?:CONFIG_(?P<set>\w+)=(?P<value>.*)|# CONFIG_(?P<unset>\w+) is not set)\s*$")
ENTRY = re.compile(r"(?P<kind>config|menuconfig)\s+(?P<symbol>\w+)\s*$")
BLOCK_END = re.compile(r"(?:config|menuconfig|choice|endchoice|comment|menu|endmenu|if|endif|source)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A symbol and the value it should have ("n" for not set), and where that was asked for."""

    symbol: str
    value: str
    origin: str

    @property
    def line(self) -> str:
        """Return it as a line of a .config."""
        return f"# CONFIG_{self.symbol} is not set" if self.value == "n" else f"CONFIG_{self.symbol}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A request that the final configuration does not honour."""

    request: Request
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One place where a tree defines a symbol."""

    file: str
    depends: tuple[str, ...]  # expressions, all of which must hold
    prompt: bool  # whether it can be asked for at all


def parse(lines: Iterable[str], origin: str) -> tuple[Request, ...]:
    """Return what the lines of a fragment ask for; raises ValueError on a line that is neither that nor a comment."""
    return tuple(_requests(lines, origin))


def _requests(lines: Iterable[str], origin: str) -> Iterator[Request]:
    for number, line in enumerate(lines, start=1):
        where = f"{origin}:{number}"
        found = LINE.match(line)
        if found:
            symbol, value = (found["set"], found["value"]) if found["set"] else (found["unset"], "n")
            yield Request(symbol=symbol, value=value, origin=where)
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{where}: not a line of Kconfig: {line.strip()!r}")


def merge(requests: Iterable[Request]) -> tuple[Request, ...]:
    """Return one request a symbol: the last, where it stood last, as the last one set decides a choice."""
    last: dict[str, Request] = {}
    for request in requests:
        last.pop(request.symbol, None)
        last[request.symbol] = request
    return tuple(last.values())


def values(config: str) -> dict[str, str]:
    """Return the symbols that a .config sets; those not in it are "n"."""
    found = (LINE.match(line) for line in config.splitlines())
    return {match["set"]: match["value"] for match in found if match and match["set"]}


def dropped(requests: Iterable[Request], config: str) -> tuple[Dropped, ...]:
    """Return the requests that `config` does not honour."""
    final = values(config)
    pairs = ((request, final.get(request.symbol, "n")) for request in requests)
    return tuple(Dropped(request=request, got=got) for request, got in pairs if got != request.value)


# ---- why


def definitions(file: str, text: str, symbol: str) -> tuple[Definition, ...]:
    """Return where the Kconfig file `text` defines `symbol`, with the conditions around it in that file."""
    found = []
    conditions: list[str] = []
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    for number, line in enumerate(lines):
        if opened := re.match(r"if\s+(.+)", line):
            conditions.append(opened[1])
        elif re.match(r"endif\b", line) and conditions:
            conditions.pop()
        elif (entry := ENTRY.match(line)) and entry["symbol"] == symbol:
            found.append(_definition(file, tuple(_block(lines[number + 1 :])), tuple(conditions)))
    return tuple(found)


def _definition(file: str, block: tuple[str, ...], conditions: tuple[str, ...]) -> Definition:
    depends = tuple(line.removeprefix("depends on ").strip() for line in block if line.startswith("depends on "))
    prompt = any(re.match(r"(?:bool|tristate|string|int|hex|prompt)\s+\"", line) for line in block)
    return Definition(file=file, depends=conditions + depends, prompt=prompt)


def _block(lines: list[str]) -> Iterator[str]:
    """Yield the attributes of an entry, without its help text."""
    for line in lines:
        if BLOCK_END.match(line) or re.match(r"\s+(?:help|---help---)\s*$", line):
            return
        yield line.strip()


def selectors(text: str, symbol: str) -> tuple[str, ...]:
    """Return the symbols whose entries in the Kconfig file `text` select `symbol`."""
    found = []
    current = ""
    for line in text.splitlines():
        if entry := ENTRY.match(line.strip()):
            current = entry["symbol"]
        elif re.match(rf"\s+select\s+{symbol}\b", line):
            found.append(current)
    return tuple(found)


def why(drop: Dropped, files: dict[str, str], config: str) -> str:
    """Explain a dropped request from the Kconfig files (name to text) that mention its symbol, as far as they tell."""
    final = values(config)
    symbol = drop.request.symbol
    defined = [each for name, text in files.items() for each in definitions(name, text, symbol)]
    if not defined:
        return "there is no such symbol in this tree"
    if drop.request.value == "n":
        forced = [other for text in files.values() for other in selectors(text, symbol) if final.get(other, "n") != "n"]
        if forced:
            return f"{' and '.join(sorted(set(forced)))} select{'s' if len(forced) == 1 else ''} it"
    unmet = [reason for each in defined for reason in _reasons(each, final)]
    return "; ".join(unmet) or f"{defined[0].file} decides it otherwise (a choice, a range or a default)"


def _reasons(defined: Definition, final: dict[str, str]) -> Iterator[str]:
    for condition in defined.depends:
        if not _holds(condition, final):
            known = ", ".join(f"{word} is {final.get(word, 'n')}" for word in expression.symbols(condition))
            yield f"depends on {condition} ({known}) in {defined.file}"
    if not defined.prompt:
        yield f"it can't be asked for, only selected ({defined.file})"


def _holds(condition: str, final: dict[str, str]) -> bool:
    try:
        return expression.holds(condition, final)
    except ValueError:
        return False  # not understood: worth showing
