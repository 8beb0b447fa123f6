"""Reports decoded with the kernel they came from."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from posixpath import normpath

from rig.decode import addr2line, elf, modules
from rig.decode.addr2line import Place
from rig.decode.elf import Binary, Symbol
from rig.decode.sites import Site, sites
from rig.decode.weave import weave
from rig.model import Location, Report
from rig.reports.demangle import demangle
from rig.reports.touched import Touched

_LANDMARK = ("start_kernel", "init/main.c")  # a function whose file is known tells where the source tree was

_GENERATED = re.compile(r"/.*?/((?:arch/\w+/)?include/generated/.*)")  # headers that a build made in its own directory
_Where = tuple[Path, str, int]  # file, section in it, address


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Reports with what could be decoded, in the order given, and what a reader must know about it."""

    reports: tuple[Report, ...]
    notes: tuple[str, ...] = ()


class Decoder:
    """Decodes reports of one kernel; what it has looked up once it knows.

    `vmlinux` may have modules (*.ko, *.ko.debug) in its directory or below. `tree` is what is left out of file names
    if the kernel doesn't show where its source was. Where `touched` applies, frames are marked as patched.
    Raises InputError if `vmlinux` can't be used.
    """

    def __init__(self, vmlinux: Path, *, tree: Path | None = None, touched: Touched | None = None) -> None:
        self._kernel = elf.read(vmlinux)
        self._tree = tree
        self._touched = touched or Touched()
        self._binaries: dict[str, Binary | None] = {"": self._kernel}
        self._places: dict[_Where, tuple[Place, ...]] = {}

    async def decode(self, reports: Sequence[Report]) -> Decoded:
        """Return `reports` with the files and lines of their frames."""
        if not self._kernel.debug:
            return Decoded(reports=tuple(reports), notes=(f"{self._kernel.path} has no debug information: no lines",))
        named = [frozenset(sites(report)) for report in reports]
        differing = {site for site in frozenset[Site]().union(*named) if self._differs(site)}
        strange = [not each.isdisjoint(differing) for each in named]
        known = frozenset[Site]().union(*(each for each, other in zip(named, strange, strict=True) if not other))
        await self._look_up(known)
        places = {site: found for site in known if (found := self._locations(site))}
        decoded = (report if other else weave(report, places) for report, other in zip(reports, strange, strict=True))
        return Decoded(reports=tuple(decoded), notes=tuple(self._notes(known, places.keys(), sum(strange))))

    def _differs(self, site: Site) -> bool:
        """Say whether the function is there, but can't be the one of the report."""
        symbols = self._symbols(site)
        return bool(symbols) and not any(symbol.fits(site.size) or _cut(site.size, symbol.size) for symbol in symbols)

    def _symbols(self, site: Site) -> tuple[Symbol, ...]:
        binary = self._binary(site.module)
        return binary.symbols(site.function) if binary else ()

    def _binary(self, module: str) -> Binary | None:
        if module not in self._binaries:
            path = self._modules.get(module.replace("-", "_"))
            self._binaries[module] = elf.read(path) if path else None
        return self._binaries[module]

    @cached_property
    def _modules(self) -> dict[str, Path]:
        return modules.near(self._kernel.path)

    def _wheres(self, site: Site) -> Iterator[_Where]:
        """Yield where a site may be. A return address is behind the call, maybe in the next line already."""
        binary = self._binary(site.module)
        back = 0 if site.exact or not site.offset else 1
        for symbol in self._symbols(site):
            if binary and symbol.fits(site.size) and site.offset <= site.size:
                yield binary.path, symbol.section, symbol.address + site.offset - back

    async def _look_up(self, known: Iterable[Site]) -> None:
        wheres = {where for site in known for where in self._wheres(site)}
        wanted: defaultdict[tuple[Path, str], set[int]] = defaultdict(set)
        for path, section, address in wheres.union(self._landmark if wheres else ()).difference(self._places):
            wanted[path, section].add(address)
        for (path, section), addresses in wanted.items():
            found = await addr2line.locate(path, section, addresses)
            for address in addresses:
                self._places[path, section, address] = found.get(address, ())

    @cached_property
    def _landmark(self) -> tuple[_Where, ...]:
        found = self._kernel.symbols(_LANDMARK[0])
        return tuple((self._kernel.path, symbol.section, symbol.address) for symbol in found[:1])

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        """What file names begin with that are in the source tree; only known after the first look-up."""
        files = [normpath(place.file) for where in self._landmark for place in self._places[where]]
        roots = [file.removesuffix(_LANDMARK[1]) for file in files if file.endswith(f"/{_LANDMARK[1]}")]
        return (*roots, *((f"{self._tree.resolve()}/",) if self._tree else ()))

    def _locations(self, site: Site) -> tuple[Location, ...]:
        """Return the locations of a site; () if there are several functions that it may be in, and they differ."""
        found = {tuple(self._location(one, site) for one in self._places[where]) for where in self._wheres(site)}
        return found.pop() if len(found) == 1 else ()

    def _location(self, place: Place, site: Site) -> Location:
        file = normpath(place.file)
        file = next((file.removeprefix(root) for root in self._roots if file.startswith(root)), file)
        file = _GENERATED.sub(r"\1", file)
        function = demangle(place.function or site.function)
        patched = self._touched.has(function, file, place.line)
        return Location(function=function, file=file, line=place.line, patched=patched)

    def _notes(self, known: Iterable[Site], found: Iterable[Site], strange: int) -> Iterator[str]:
        name = self._kernel.path
        if strange:
            of = f"{strange} report{' is' if strange == 1 else 's are'}"
            yield f"{of} of another kernel than {name}: functions differ in size. Not decoded."
        left = set(known) - set(found)
        missing = {site.module for site in left if not self._binary(site.module)}
        if missing:
            yield f"no {', '.join(f'{module}.ko' for module in sorted(missing))} near {name}: frames there not decoded"
        unknown = {site.function for site in left if site.module not in missing}
        if unknown:
            yield f"{len(unknown)} functions not decoded, {name} doesn't say where they are: {_some(unknown)}"


def _cut(size: int, whole: int) -> bool:
    """Say whether a size may be the beginning of another, as in the last line of a log."""
    return f"{whole:x}".startswith(f"{size:x}")


def _some(names: Iterable[str], most: int = 3) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:most]) + (", …" if len(ordered) > most else "")
