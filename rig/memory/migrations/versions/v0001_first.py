"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Take the step."""
    _nights()
    _runs()
    _trials()
    _metrics()
    _regressions()


def _nights() -> None:
    _table("night", ("id",), *_texts("id began ended deadline host state notes"))
    _index("night", "began")
    _table(
        "tip", ("night", "kernel"), *_texts("night kernel commit subject base base_commit tree"), _of("tip", "night")
    )
    _index("tip", "kernel")
    job = (*_texts("night kind kernel profile shape workloads state run why title"), *_numbers("number"))
    _table("job", ("night", "number"), *job, *_reals("expected"), _real("taken"), _of("job", "night"))
    _index("job", "run")
    _table("note", ("key",), *_texts("key text"))


def _runs() -> None:
    where = ("kernel", "profile", "shape")
    texts = _texts("id kernel profile shape began directory verdict host accel clock cmdline image qemu")
    numbers = _numbers("vcpus threads memory_mib seed")
    optional = (sa.Column("night", sa.Text()), sa.Column("stress", NUMBER))
    _table("run", ("id",), *texts, *numbers, *_reals("seconds"), *optional, _of("run", "night"))
    for columns in (("night",), ("began",), where):
        _index("run", *columns)
    _table("body", ("run",), *_texts("run"), _bytes("json"), _of("body", "run"))
    build = (*_texts("run side kernel digest release tree config compiler"), *_flags("own built"))
    _table("build", ("run", "side"), *build, *_reals("seconds taken"), _of("build", "run"))
    _index("build", "digest")
    finding = (*_texts("run title type status workload"), *_numbers("position"), _bytes("json"))
    counts = _numbers("base_hits base_trials patched_hits patched_trials")
    _table("finding", ("run", "position"), *finding, *counts, _of("finding", "run"))


def _trials() -> None:
    trial = (*_texts("run side kernel end console"), *_flags("own"), *_numbers("index dropped"))
    alone = sa.UniqueConstraint("run", "side", "index", name="uq_trial_run_side_index")
    real = _reals("ready_seconds seconds began")
    _table("trial", ("id",), sa.Column("id", NUMBER, nullable=False), *trial, *real, alone, _of("trial", "run"))
    keys, of = _numbers("trial position"), ("trial", "position")
    outcome = (*_texts("workload status"), *_numbers("iterations l2_entries"), *_flags("able reported"))
    _table("outcome", of, *keys, *outcome, *_reals("seconds"), _of("outcome", "trial"), clustered=True)
    _table("sighting", of, *_numbers("trial position"), *_texts("workload title"), _of("sighting", "trial"))


def _metrics() -> None:
    texts = _texts("key kernel profile shape workload name unit kind")
    unique = sa.UniqueConstraint("key", name="uq_measure_key")
    _table("measure", ("id",), sa.Column("id", NUMBER, nullable=False), *texts, *_flags("own"), unique)
    _index("measure", "kernel", "profile", "shape")
    of = (_of("point", "measure"), _of("point", "trial"))
    _table("point", ("measure", "trial"), *_numbers("measure trial"), *_reals("value"), *of, clustered=True)
    of = (_of("change", "measure"), _of("change", "night"))
    change = (*_numbers("measure"), *_texts("night good bad"), *_reals("before after"), _real("p_value"))
    _table("change", ("measure", "night"), *change, *of)
    _index("change", "night")


def _regressions() -> None:
    texts = (
        *_texts(
            "key kernel title alt_titles type standing profiles shapes workloads opened first_seen last_seen closed"
        ),
        *_texts("good bad culprit bisection run console example"),
    )
    unique = sa.UniqueConstraint("key", name="uq_regression_key")
    _table("regression", ("number",), *_numbers("number offset"), *texts, *_flags("open"), _real("odds"), unique)
    _index("regression", "kernel")
    numbers = _numbers("regression position hits trials")
    of = _of("observation", "regression", "number")
    _table("observation", ("regression", "position"), *numbers, *_texts("night commit runs"), of)


# ---- shorthand


def _table(name: str, key: tuple[str, ...], *items: SchemaItem, clustered: bool = False) -> None:
    primary = sa.PrimaryKeyConstraint(*key, name=f"pk_{name}")
    op.create_table(name, *items, primary, sqlite_with_rowid=not clustered)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _of(table: str, other: str, column: str = "id") -> SchemaItem:
    return sa.ForeignKeyConstraint((other,), (f"{other}.{column}",), name=f"fk_{table}_{other}")


def _texts(names: str) -> list[SchemaItem]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names.split()]


def _numbers(names: str) -> list[SchemaItem]:
    return [sa.Column(name, NUMBER, nullable=False, autoincrement=False) for name in names.split()]


def _reals(names: str) -> list[SchemaItem]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in names.split()]


def _real(name: str) -> SchemaItem:
    return sa.Column(name, sa.Double())


def _flags(names: str) -> list[SchemaItem]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names.split()]


def _bytes(name: str) -> SchemaItem:
    return sa.Column(name, sa.LargeBinary(), nullable=False)
