"""Regressions: findings of a kernel that open, and close."""

from dataclasses import replace

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from rig.memory import rows
from rig.memory.tables import ObservationRow, RegressionRow, key
from rig.memory.values import Observation, Regression


def save(s: Session, regression: Regression) -> Regression:
    """Keep a regression and its observations, in the place of what was known of it; return it with its number.

    Of a kernel there is one of each title: without a number it is the one that is there already, if any.
    """
    name = key(regression.kernel, regression.title)
    number = regression.number or _known(s, name) or _next(s)
    s.merge(RegressionRow(**rows.columns(regression, "number", "observations"), number=number, key=name))
    s.flush()
    s.execute(delete(ObservationRow).where(ObservationRow.regression == number))
    s.add_all(
        ObservationRow(regression=number, position=position, **rows.columns(each))
        for position, each in enumerate(regression.observations)
    )
    s.flush()
    return _value(s.get_one(RegressionRow, number), regression.observations)


def take_in(s: Session, regression: Regression) -> Regression:
    """Keep a regression of another memory; it gets a number of this one if its own is that of another here."""
    known = _known(s, key(regression.kernel, regression.title))
    free = s.get(RegressionRow, regression.number) is None
    return save(s, replace(regression, number=known or (regression.number if free else 0)))


def _known(s: Session, name: str) -> int:
    """Return the number of the regression with that key; 0 if there is none."""
    return s.scalar(select(RegressionRow.number).where(RegressionRow.key == name)) or 0


def _next(s: Session) -> int:
    """Return a number that is free, and stays so until the transaction's end: writers take turns."""
    return (s.scalar(select(func.max(RegressionRow.number))) or 0) + 1


def regressions(s: Session, kernel: str | None = None, *, open_only: bool = False) -> tuple[Regression, ...]:
    """Return the regressions of a kernel, or of all, by number."""
    query = select(RegressionRow).order_by(RegressionRow.number)
    if kernel is not None:
        query = query.where(RegressionRow.kernel == kernel)
    if open_only:
        query = query.where(RegressionRow.open)
    found = s.scalars(query).all()
    seen = _observations(s, [row.number for row in found])
    return tuple(_value(row, tuple(seen[row.number])) for row in found)


def regression(s: Session, number: int) -> Regression | None:
    """Return a regression with its observations; None if there is none of that number."""
    row = s.get(RegressionRow, number)
    return _value(row, tuple(_observations(s, [number])[number])) if row else None


def _observations(s: Session, numbers: list[int]) -> dict[int, list[Observation]]:
    found: dict[int, list[Observation]] = {number: [] for number in numbers}
    order = (ObservationRow.regression, ObservationRow.position)
    for row in s.scalars(select(ObservationRow).where(ObservationRow.regression.in_(numbers)).order_by(*order)):
        found[row.regression].append(rows.value(Observation, row))
    return found


def _value(row: RegressionRow, observations: tuple[Observation, ...]) -> Regression:
    return rows.value(Regression, row, observations=observations)
