"""What a KERNEL argument means: a recipe by name or path, a git revision, a patch over something, a bzImage."""

from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, model_validator

from rig import paths, yamlfile
from rig.errors import InputError
from rig.kernel import artifact, patches
from rig.kernel.checkouts import REMOTE
from rig.kernel.home import is_kernel
from rig.model import Recipe, Source

YAML = (".yaml", ".yml")
Kind = Literal["debian", "git", "tarball", "tree"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORMS = "a KERNEL is a recipe's name or path, a git revision, a patch, NAME+PATCH or a bzImage"


class SourceFile(yamlfile.Strict):
    """The field `source` of a recipe."""

    debian: str | None = None
    git: str | None = None
    tarball: str | None = None
    tree: str | None = None
    rev: str = ""

    @model_validator(mode="after")
    def _one(self) -> "SourceFile":
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(KINDS)}, has {' and '.join(given) or 'none'}")
        if self.rev and not self.git:
            raise ValueError("`rev` goes with `git` only")
        return self


class RecipeFile(yamlfile.Strict):
    """kernels/NAME.yaml."""

    source: SourceFile | None = None
    extends: str | None = None
    patches: list[str] = Field(default=[])
    kconfig: list[str] = Field(default=[])
    profiles: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _based(self) -> "RecipeFile":
        if (self.source is None) == (self.extends is None):
            raise ValueError("needs either `source` or `extends`")
        return self


def names() -> tuple[str, ...]:
    """Return the names of the recipes there are."""
    return tuple(sorted(_shipped()))


def _shipped() -> dict[str, Path]:
    directory = paths.project() / "kernels"
    found = [*directory.glob("known-bad/*.yaml"), *directory.glob("*.yaml")]
    return {path.stem: path for path in found}


def resolve(text: str, *, base: Recipe | None = None, tree: Path | None = None) -> Recipe:
    """Return the recipe that a KERNEL argument means.

    `base` is what a patch alone goes on top of; `tree` is the kernel tree that git revisions are in, else the one
    around the current directory. Raises InputError.
    """
    shipped = _shipped()
    if text in shipped:
        return _load(shipped[text], ())
    path = Path(text).expanduser()
    if text and path.exists() and (found := _at(path, base)):
        return found
    if split := _split(text):
        return _over(resolve(split[0], base=base, tree=tree), split[1])
    repository = tree or around(Path.cwd())
    if repository and text and not _is_file_name(text):
        return Recipe(name=text, source=Source(kind="git", location=str(repository.resolve()), rev=text))
    raise _unknown(text, tuple(shipped))


def _at(path: Path, base: Recipe | None) -> Recipe | None:
    """Return what an existing file or directory means, or None if it is no kernel."""
    if path.suffix in YAML:
        return _load(path, ())
    if path.suffix in patches.SUFFIXES or patches.is_series(path):
        if not base:
            raise InputError(f"{path} is a patch: to what?", hint="write NAME+FILE, for instance base+fix.patch")
        return _over(base, path)
    if path.is_dir() and is_kernel(path):
        return Recipe(name=path.resolve().name, source=Source(kind="tree", location=str(path.resolve())))
    if path.is_file() and artifact.is_bzimage(path):
        return Recipe(name=path.resolve().name, bzimage=path.resolve())
    return None


def _split(text: str) -> tuple[str, Path] | None:
    """Take NAME+FILE apart, at the last plus that leaves an existing file; either may hold a plus itself."""
    for place in (place for place in range(len(text) - 1, 0, -1) if text[place] == "+"):
        file = Path(text[place + 1 :]).expanduser()
        if text[place + 1 :] and file.exists():
            return text[:place], file
    return None


def _over(base: Recipe, patch: Path) -> Recipe:
    if base.bzimage:
        raise InputError(f"{base.name} is a built kernel: {patch} can't be applied to it")
    stem = patch.stem if patch.is_file() else patch.resolve().name
    return replace(base, name=f"{base.name}+{stem}", patches=(*base.patches, patch.resolve()))


def around(directory: Path) -> Path | None:
    """Return the git kernel tree that a directory is in."""
    tops = (each for each in (directory, *directory.parents) if (each / ".git").exists())
    return next((top for top in tops if is_kernel(top)), None)


def _is_file_name(text: str) -> bool:
    return Path(text).suffix in (*YAML, *patches.SUFFIXES)


def _unknown(text: str, known: tuple[str, ...]) -> InputError:
    file = text.rpartition("+")[2]
    if file != text or _is_file_name(file):
        return InputError(f"there is no file {file!r}", hint=FORMS)
    return InputError(f"no kernel {text!r}", hint=f"{yamlfile.near(text, list(known))}; {FORMS}")


# ---- files


def _load(path: Path, above: tuple[Path, ...]) -> Recipe:
    """Read a recipe and those it extends; `above` are the ones that led here."""
    path = path.resolve()
    if path in above:
        chain = " -> ".join(each.name for each in (*above, path))
        raise InputError(f"{path}: extends itself: {chain}")
    read = yamlfile.load(RecipeFile, path)
    applied = tuple(_patch(path, item) for item in read.patches)
    if read.source:
        base = Recipe(name=path.stem, source=_source(read.source, path.parent))
    else:
        base = _load(_extended(path, read.extends or ""), (*above, path))
    return replace(
        base,
        name=path.stem,
        patches=(*base.patches, *applied),
        kconfig=(*base.kconfig, *read.kconfig),
        profiles=tuple(read.profiles) or base.profiles,
    )


def _patch(recipe: Path, item: str) -> Path:
    path = recipe.parent / Path(item).expanduser()
    if not path.exists():
        raise InputError(f"{recipe}: patches: there is no {path}")
    return path.resolve()


def _extended(recipe: Path, name: str) -> Path:
    """Return the recipe that `name` means: a path beside the one that says it, or a shipped one."""
    shipped = _shipped()
    beside = recipe.parent / (name if name.endswith(YAML) else f"{name}.yaml")
    if beside.is_file():
        return beside
    if name in shipped:
        return shipped[name]
    raise InputError(f"{recipe}: extends: no recipe {name!r}", hint=yamlfile.near(name, list(shipped)))


def _source(read: SourceFile, directory: Path) -> Source:
    kind, location = next((kind, getattr(read, kind)) for kind in KINDS if getattr(read, kind))
    if kind == "debian" or (kind == "git" and REMOTE.match(location)):
        return Source(kind=kind, location=location, rev=read.rev)
    return Source(kind=kind, location=str((directory / Path(location).expanduser()).resolve()), rev=read.rev)
