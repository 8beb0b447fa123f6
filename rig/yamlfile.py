"""YAML files at the edge of the rig: read into a pydantic model, or an error with file, field and way out."""

import difflib
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from rig.errors import InputError


class Strict(BaseModel):
    """A model that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Strict)


def near(word: str, known: list[str]) -> str:
    """Return "did you mean …?" for the nearest of `known`, or what there is."""
    close = difflib.get_close_matches(word, known, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there is: {', '.join(sorted(known))}"


def load(model: type[Model], path: Path) -> Model:
    """Read `path` as a `model`; raises InputError naming the file and each wrong field."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read: {error}") from error
    return parse(model, text, str(path))


def parse(model: type[Model], text: str, where: str) -> Model:
    """Read YAML `text` that came from `where` as a `model`; raises InputError. No I/O."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not YAML: {error}") from error
    return check(model, data, where)


def check(model: type[Model], data: object, where: str) -> Model:
    """Take `data` that came from `where` as a `model`; raises InputError. No I/O."""
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected a mapping, found {type(data).__name__}", hint=_keys(model))
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = [_complaint(model, str(item["type"]), item["loc"], item["msg"]) for item in error.errors()]
        raise InputError("\n".join(f"{where}: {line}" for line in wrong), hint=_keys(model)) from error


def _complaint(model: type[Strict], kind: str, location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in location) or "(whole file)"
    if kind == "extra_forbidden" and len(location) == 1:
        return f"{field}: unknown key; {near(str(location[0]), list(model.model_fields))}"
    return f"{field}: {message}"


def _keys(model: type[Strict]) -> str:
    return f"the keys are: {', '.join(model.model_fields)}"
