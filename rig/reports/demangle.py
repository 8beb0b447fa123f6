"""C++ and Rust names as their source has them. No I/O."""

import re
from functools import lru_cache

_MANGLED = re.compile(r"(?<![\w$.])_[RZ][\w$.]+", re.ASCII)
_SCHEMES = ("itanium", "rust")
_LONGEST = 1024  # of a name: the kernel's own limit is 512 (KSYM_NAME_LEN)
_LONGEST_PLAIN = 4096  # references back make a name exponentially longer than its mangled form
_DEEPEST = 64
_LEGACY_END = re.compile(r"17h[0-9a-f]{16}E", re.ASCII)


def demangle_line(line: str) -> str:
    """Return a line with every mangled name in it spelled out."""
    if "_R" not in line and "_Z" not in line:
        return line
    return _MANGLED.sub(lambda found: demangle(found[0]), line)


@lru_cache(maxsize=4096)
def demangle(name: str) -> str:
    """Return a function's name without parameters and hash, with `.isra.0` and the like kept; else as it is."""
    if not name.startswith(("_R", "_Z")) or len(name) > _LONGEST:
        return name
    mangled, suffix = _split(name)
    return (_plain(mangled) or mangled) + suffix


def _split(name: str) -> tuple[str, str]:
    """Return a name and what the compiler put after it; legacy Rust names have dots of their own."""
    legacy = _LEGACY_END.search(name)
    end = legacy.end() if legacy else name.find(".")
    return (name, "") if end < 0 else (name[:end], name[end:])


def _plain(mangled: str) -> str:
    import demangle  # here, as it takes its time and most logs don't need it

    limits = demangle.Limits(max_depth=_DEEPEST, max_input=_LONGEST, max_output=_LONGEST_PLAIN)
    try:
        return demangle.signature(mangled, language=_SCHEMES, limits=limits).qualified_name or ""
    except Exception:  # a console can hold any name, and none of them may end the parse
        return ""
