"""The symbols of a kernel or module, as its own kallsyms sees them."""

import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section

from rig.errors import InputError

HINT = "give the ELF file that a kernel build leaves at its top; a bzImage has no symbols"
_DEBUG = (".debug_info", ".zdebug_info")
_LOCAL = (".L", "$")  # what kallsyms leaves out begins so
_NOT_CODE = (3, 4)  # types of symbols that stand for a section or a file
_RESERVED = 0xFF00  # section numbers from here on are none
_LAYOUT = {64: ("IBBHQQ", (0, 1, 3, 4, 5)), 32: ("IIIBBH", (0, 3, 5, 1, 2))}  # name, info, section, value and size

_Place = tuple[str, int, int]  # section ("" where addresses are those of the kernel), address, and size as compiled


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol and how far it is to the next one, which is what the kernel calls its size.

    Of the `last` one in a section of a module there is only a lower bound.
    """

    section: str
    address: int
    size: int
    last: bool = False

    def fits(self, size: int) -> bool:
        """Say whether the kernel may call this its size."""
        return size == self.size or (self.last and size > self.size)


@dataclass(frozen=True, slots=True)
class Binary:
    """A kernel or a module: its symbols, and whether it says which source they are of."""

    path: Path
    debug: bool
    _places: Mapping[str, Sequence[_Place]]
    _addresses: Mapping[str, Sequence[int]]  # sorted, by section

    def symbols(self, name: str) -> tuple[Symbol, ...]:
        """Return the symbols called `name`, of which there may be several."""
        return tuple(self._symbol(*place) for place in self._places.get(_base(name), ()))

    def _symbol(self, section: str, address: int, size: int) -> Symbol:
        addresses = self._addresses[section]
        following = bisect_right(addresses, address)
        if following == len(addresses):
            return Symbol(section, address, size, last=True)
        return Symbol(section, address, addresses[following] - address)


def read(path: Path) -> Binary:
    """Read the symbols of an ELF file; raises InputError if it is none or has none."""
    if not path.is_file():
        raise InputError(f"there is no file {path}", hint=HINT)
    try:
        with path.open("rb") as stream:
            return _binary(path, ELFFile(stream))
    except InputError:
        raise
    except Exception as error:  # the library takes a damaged file at its word, and fails in any way
        raise InputError(f"{path} can't be read as an ELF file: {error}", hint=HINT) from error


def _binary(path: Path, elf: ELFFile) -> Binary:
    table = elf.get_section_by_name(".symtab")
    if table is None:
        raise InputError(f"{path} has no symbols: it was stripped", hint=HINT)
    places: defaultdict[str, list[_Place]] = defaultdict(list)
    addresses: defaultdict[str, set[int]] = defaultdict(set)
    for name, place in _entries(elf, table):
        places[_base(name)].append(place)
        addresses[place[0]].add(place[1])
    debug = any(elf.get_section_by_name(section) for section in _DEBUG)
    return Binary(path, debug, places, {section: sorted(known) for section, known in addresses.items()})


def _base(name: str) -> str:
    """Return a function's name as kallsyms has it: without what clang's LTO added."""
    return name.partition(".llvm.")[0]


def _entries(elf: ELFFile, table: Section) -> Iterator[tuple[str, _Place]]:
    """Yield symbols with their names; read by hand, as the library takes seconds for a kernel's."""
    names: bytes = elf.get_section(table["sh_link"]).data()
    fields, (name_at, info_at, section_at, value_at, size_at) = _LAYOUT[elf.elfclass]
    sections = [section.name if elf["e_type"] == "ET_REL" else "" for section in elf.iter_sections()]
    for entry in struct.iter_unpack(("<" if elf.little_endian else ">") + fields, table.data()):
        start, number = entry[name_at], entry[section_at]
        if start and 0 < number < _RESERVED and entry[info_at] & 0xF not in _NOT_CODE:
            name = names[start : names.index(0, start)].decode(errors="replace")
            if not name.startswith(_LOCAL):
                yield name, (sections[number], entry[value_at], entry[size_at])
