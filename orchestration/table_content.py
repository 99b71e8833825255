"""What tables of a DuckDB file hold, told by fingerprints: whole, and by day where dbt builds them by day.

Belongs here: reading it, from all rows or from the days that were rebuilt since, and telling two states
apart. Does not belong here: publishing, which asks.

dbt notes for each model and day which run last rebuilt it (`upkeep.model_days`, see the macro
`touched_days`), in the transaction that writes the rows. A day under the same run holds the same rows.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import duckdb

from ingestion.sql import quoted

SCHEMA = "marts"
_RUNS = ("upkeep", "model_days")
_UNDATED = "0001-01-01"
"""Under this day stands the run that last rebuilt all of a model; days may have no other."""
_MOST_CHANGED = 0.25
"""Where more than this share of the rows changed, a table is rather replaced: that leaves no holes."""


@dataclass(frozen=True)
class Column:
    """A column, as the catalogue tells it."""

    name: str
    type: str
    nullable: bool
    comment: str | None


@dataclass(frozen=True)
class Rows:
    """How many, and a fingerprint of them that does not depend on their order. Parts can be added.

    The sum is there because equal rows cancel each other in the exclusive or.
    """

    count: int = 0
    mixed: int = 0
    total: int = 0

    def __add__(self, other: Rows) -> Rows:
        return Rows(self.count + other.count, self.mixed ^ other.mixed, self.total + other.total)


@dataclass(frozen=True)
class Table:
    """All that makes two tables the same: schema, comments and rows, whatever the order of the rows."""

    name: str
    comment: str | None
    columns: tuple[Column, ...]
    rows: Rows


@dataclass(frozen=True)
class ByDay:
    """The rows of each day of a table, and the run that last rebuilt a day; days as text, year first."""

    column: str
    days: Mapping[str, Rows]
    runs: Mapping[str, str]


@dataclass(frozen=True)
class Content:
    """A table, and its days where they are known."""

    table: Table
    by_day: ByDay | None = None


def read_contents(
    con: duckdb.DuckDBPyConnection,
    database: str,
    names: Collection[str],
    day_columns: Mapping[str, str],
    known: Mapping[str, Content],
) -> dict[str, Content]:
    """What these tables hold.

    `day_columns` are those of models that dbt builds by day; of these only the days are read that were
    rebuilt since they were `known`.
    """
    schemas, runs = _schemas(con, database), _runs(con, database, day_columns)
    found = {}
    for name in sorted(names):
        schema, before, by_day = schemas[name], known.get(name), None
        dates = [column.name for column in schema.columns if column.type == "DATE"]
        if name in runs and day_columns[name] in dates:
            begun = ByDay(day_columns[name], {}, runs[name])
            same_form = before is not None and before.table.columns == schema.columns
            by_day = _read_by_day(
                con, database, schema, begun, before.by_day if before and same_form else None
            )
        rows = reduce(operator.add, by_day.days.values(), Rows()) if by_day else _read(con, database, schema)
        found[name] = Content(Table(name, schema.comment, schema.columns, rows), by_day)
    return found


def read_back(
    con: duckdb.DuckDBPyConnection,
    database: str,
    contents: Mapping[str, Content],
    before: Mapping[str, Content],
) -> dict[str, Table]:
    """All tables of the file, which should hold `contents` and was made from one that held `before`.

    What differs between the two is read; of the rest, rows are only counted.
    """
    found = {}
    for name, schema in _schemas(con, database).items():
        wanted, old = contents.get(name), before.get(name)
        sure: Rows | None = None
        if wanted and old and wanted.table == old.table:
            sure = wanted.table.rows
        elif wanted and wanted.by_day and old and (days := changed_days(old, wanted)) is not None:
            read = _read_days(con, database, schema, wanted.by_day.column, days)
            sure = reduce(
                operator.add, ({**wanted.by_day.days, **dict.fromkeys(days, Rows()), **read}).values()
            )
        if sure is None or sure.count != _count(con, database, name):
            sure = _read(con, database, schema)
        found[name] = Table(name, schema.comment, schema.columns, sure)
    return found


def changed_days(before: Content, now: Content) -> set[str] | None:
    """The days whose rows differ; None if the tables differ by more than that, or by too many days."""
    old, new = before.by_day, now.by_day
    if old is None or new is None or old.column != new.column or _form(before.table) != _form(now.table):
        return None
    none = Rows()
    days = {
        day for day in old.days.keys() | new.days.keys() if old.days.get(day, none) != new.days.get(day, none)
    }
    moved = sum(max(old.days.get(day, none).count, new.days.get(day, none).count) for day in days)
    return days if moved <= _MOST_CHANGED * now.table.rows.count else None


def in_days(column: str, days: Collection[str]) -> str:
    """The condition that a row is of one of these days."""
    listed = ", ".join(f"DATE {text(day)}" for day in sorted(days))
    return f"{quoted(column)} IN ({listed})" if days else "false"


def table_comments(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, str | None]:
    """Every table of the schema, with its comment."""
    return dict(
        con.execute(f"SELECT table_name, comment FROM duckdb_tables() {_of_schema(database)}").fetchall()
    )


# --- reading ----------------------------------------------------------------------------------------------


def _schemas(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, Table]:
    """Every table of the schema with comments and columns, and no rows; by name."""
    columns: dict[str, list[Column]] = {}
    for table, *column in con.execute(
        "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
        f"{_of_schema(database)} ORDER BY table_name, column_index"
    ).fetchall():
        columns.setdefault(table, []).append(Column(*column))
    comments = table_comments(con, database)
    return {name: Table(name, comments[name], tuple(columns[name]), Rows()) for name in sorted(comments)}


def _read(con: duckdb.DuckDBPyConnection, database: str, table: Table) -> Rows:
    """Reads every value of the table."""
    [found] = con.execute(f"SELECT {_FINGERPRINT} FROM ({_hashes(database, table)})").fetchall()
    return Rows(*found)


def _read_days(
    con: duckdb.DuckDBPyConnection,
    database: str,
    table: Table,
    column: str,
    days: Collection[str] | None = None,
) -> dict[str, Rows]:
    """Reads every value of these days, or of all of them. Rows without a day stand under an empty one."""
    chosen = "" if days is None else f" WHERE {in_days(column, days)}"
    found = con.execute(
        f"SELECT coalesce(CAST(day AS VARCHAR), ''), {_FINGERPRINT} FROM ("
        f"{_hashes(database, table, f', {quoted(column)} AS day')}{chosen}) GROUP BY day"
    ).fetchall()
    return {day: Rows(*rows) for day, *rows in found}


def _read_by_day(
    con: duckdb.DuckDBPyConnection, database: str, table: Table, begun: ByDay, known: ByDay | None
) -> ByDay | None:
    """`begun` with its days; where the table was known, only those that were rebuilt since are read.

    None if there are rows without a day.
    """
    days: dict[str, Rows] | None = None
    if known and (known.column, known.runs[_UNDATED]) == (begun.column, begun.runs[_UNDATED]):
        everyday = known.runs.keys() | begun.runs.keys()
        rebuilt = {day for day in everyday if known.runs.get(day) != begun.runs.get(day)}
        read = _read_days(con, database, table, begun.column, rebuilt) if rebuilt else {}
        days = {day: rows for day, rows in known.days.items() if day not in rebuilt} | read
        if sum(rows.count for rows in days.values()) != _count(con, database, table.name):
            days = None  # somebody else wrote to it
    if days is None:
        days = _read_days(con, database, table, begun.column)
    return None if "" in days else replace(begun, days=days)


def _runs(con: duckdb.DuckDBPyConnection, database: str, names: Collection[str]) -> dict[str, dict[str, str]]:
    """Of these models, as far as dbt noted it: by day, the run that last rebuilt it."""
    schema, table = _RUNS
    noted_at_all = con.execute(
        f"SELECT 1 FROM duckdb_tables() {_of_schema(database, schema)} AND table_name = {text(table)}"
    ).fetchall()
    if not names or not noted_at_all:
        return {}
    noted: dict[str, dict[str, str]] = {}
    for model, day, run in con.execute(
        f"SELECT model, CAST(day AS VARCHAR), version FROM {relation(database, table, schema)} "
        f"WHERE model IN ({', '.join(map(text, names))})"
    ).fetchall():
        noted.setdefault(model, {})[day] = run
    return {model: runs for model, runs in noted.items() if _UNDATED in runs}


def _count(con: duckdb.DuckDBPyConnection, database: str, name: str) -> int:
    [(rows,)] = con.execute(f"SELECT count(*) FROM {relation(database, name)}").fetchall()
    return int(rows)


_FINGERPRINT = "count(*), coalesce(bit_xor(h), 0), coalesce(sum(h), 0)"


def _hashes(database: str, table: Table, more: str = "") -> str:
    row = ", ".join(quoted(column.name) for column in table.columns)
    return f"SELECT hash({row}) AS h{more} FROM {relation(database, table.name)}"


def _of_schema(database: str, schema: str = SCHEMA) -> str:
    # Not a query with parameters: binding the first one imports pandas, which takes a second.
    return f"WHERE database_name = {text(database)} AND schema_name = {text(schema)}"


def _form(table: Table) -> tuple[object, ...]:
    return table.name, table.comment, table.columns


# --- writing down -----------------------------------------------------------------------------------------


def to_json(content: Content) -> dict[str, Any]:
    """The content, for `from_json`. Days of one run stand together: most are of the first one."""
    said = asdict(content.table)
    if content.by_day is None:
        return said
    runs: dict[str, list[str]] = {}
    for day, run in content.by_day.runs.items():
        runs.setdefault(run, []).append(day)
    days = {day: [rows.count, rows.mixed, rows.total] for day, rows in content.by_day.days.items()}
    return {**said, "by_day": {"column": content.by_day.column, "days": days, "runs": runs}}


def from_json(said: Mapping[str, Any]) -> Content:
    """Raises KeyError or TypeError if that is none."""
    columns = tuple(Column(**column) for column in said["columns"])
    table = Table(said["name"], said["comment"], columns, Rows(**said["rows"]))
    if "by_day" not in said:
        return Content(table)
    days = {day: Rows(*rows) for day, rows in said["by_day"]["days"].items()}
    runs = {day: run for run, its_days in said["by_day"]["runs"].items() for day in its_days}
    return Content(table, ByDay(said["by_day"]["column"], days, runs))


# --- names and words --------------------------------------------------------------------------------------


def relation(database: str, table: str, schema: str = SCHEMA) -> str:
    """A table's full name in SQL."""
    return ".".join(map(quoted, (database, schema, table)))


def text(value: str | Path | None) -> str:
    """A text in SQL."""
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
