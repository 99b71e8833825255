"""Writes and reads the Parquet partitions `raw/<source>/<table>/day=YYYY-MM-DD/data.parquet`.

Belongs here: how a load replaces what it owns, in one step a partition, and where tables are found.
Does not belong here: which rows are good enough (`ingestion.checks`).

A lock covers all partitions of a source and table, since a load may own every day of it.
"""

from __future__ import annotations

import filecmp
import glob
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.archive import Receipt
from ingestion.contract import LINEAGE_COLUMNS, OBSERVED_AT, Column, RawTable
from ingestion.effects import (
    Step,
    ensure_folder,
    in_utc,
    locked,
    no_step,
    replace_durably,
    sync,
    write_durably,
)
from ingestion.settings import Home
from ingestion.sql import connection, copy_to, quoted, settled, temporary_for

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

FILE_NAME = "data.parquet"
ANCHOR_SOURCE = "_contract"
ANCHOR_DAY = "1900-01-01"


def table_glob(home: Home, table_name: str) -> str:
    """What to read for a table, whatever the source; matches its anchor at least."""
    return str(Path(glob.escape(str(_raw(home)))) / "*" / table_name / "day=*" / FILE_NAME)


def lake_columns(table: RawTable) -> tuple[Column, ...]:
    """The columns of a table's files: its own, then lineage."""
    own = set(table.column_names)
    return (*table.columns, *(column for column in LINEAGE_COLUMNS if column.name not in own))


# --- anchors --------------------------------------------------------------------------------------


def ensure_anchor(home: Home, name: str, columns: Sequence[Column]) -> None:
    """A file without rows that gives every column of `name` its type, and every glob a match.

    Beside it stands what it was made from: while that is the same, nothing is done.
    """
    final = _partition(home, ANCHOR_SOURCE, name, ANCHOR_DAY)
    nothing = ", ".join(f"CAST(NULL AS {c.type}) AS {quoted(c.name)}" for c in columns)
    made_from = final.parent.with_name("columns.sql")
    if made_from.exists() and made_from.read_text() == nothing:
        return
    with locked(home, f"lake/{ANCHOR_SOURCE}/{name}"), connection() as con:
        write_parquet(con, f"SELECT {nothing} WHERE false", final, "contract")
        write_durably(made_from, nothing.encode())


# --- writing --------------------------------------------------------------------------------------


def publish(
    home: Home, table: RawTable, receipt: Receipt, frame: pd.DataFrame, step: Step = no_step
) -> tuple[str, ...]:
    """Puts the rows of a load into the lake and gives the days that it wrote, as `YYYY-MM-DD`.

    `frame` has the contract's types and `observed_at`. A load that owns all days replaces each of them
    and then removes those that it no longer has. One of a day of an upstream puts all its rows there and
    replaces that day. Another is merged by key: rows with a key of the load are replaced, on whatever day
    they are, others stay; what was released of a day of an upstream goes to that day. `step` hears
    `partition_written` after each partition and `partition_removed` after each day that is gone.
    """
    names = [*table.column_names, OBSERVED_AT.name]
    with locked(home, f"lake/{receipt.source}/{table.name}"), connection() as con:
        _remove_left_overs(home, receipt.source, table.name)
        con.register("accepted", frame[list(dict.fromkeys(names))])
        con.execute(_load_sql(table, receipt), _lineage(receipt))
        before = set(_days(home, receipt.source, table.name))
        if receipt.owns_all_days or receipt.owned_day:
            con.execute("CREATE TEMP VIEW result AS SELECT * FROM load")
            touched = before & {str(receipt.owned_day)} if receipt.owned_day else before
        else:
            touched = _merge(con, home, table, receipt.source, before)
        written = _column(con, "SELECT DISTINCT day FROM load ORDER BY day")
        kept = _column(con, "SELECT DISTINCT day FROM result ORDER BY day")
        columns = ", ".join(quoted(column.name) for column in lake_columns(table))
        order = ", ".join(quoted(name) for name in table.key)
        # Days that gain rows come first: a kill in between leaves a row twice, never nowhere.
        folder = _table_folder(home, receipt.source, table.name)
        ensure_folder(folder)
        for day in dict.fromkeys((*written, *kept)):
            query = f"SELECT {columns} FROM result WHERE day = '{day}' ORDER BY {order}"
            write_parquet(con, query, _partition(home, receipt.source, table.name, day), receipt.load_id)
            step("partition_written")
        for day in sorted(touched - set(kept)):
            _remove_partition(home, receipt.source, table.name, day)
            step("partition_removed")
        sync(folder)
    return tuple(written)


def _load_sql(table: RawTable, receipt: Receipt) -> str:
    """Rows of the frame with the lake's types, lineage, and the day of their partition."""
    given = {name: f"${name}" for name in ("load_id", "source", "provenance")}
    columns = [
        f"CAST({given.get(column.name, quoted(column.name))} AS {column.type}) AS {quoted(column.name)}"
        for column in lake_columns(table)
    ]
    days = ", ".join(f"CAST({quoted(name)} AS DATE)" for name in table.partition_by)
    day = f"'{receipt.day}'" if receipt.day else f"strftime(coalesce({days}), '%Y-%m-%d')"
    return f"CREATE TEMP TABLE load AS SELECT {', '.join(columns)}, {day} AS day FROM accepted"


def _lineage(receipt: Receipt) -> dict[str, str]:
    return {"load_id": receipt.load_id, "source": receipt.source, "provenance": receipt.provenance}


def _merge(
    con: duckdb.DuckDBPyConnection, home: Home, table: RawTable, source: str, before: Iterable[str]
) -> set[str]:
    """Makes `result`: the whole content of all days that change. Gives the days that lose rows."""
    columns = ", ".join(quoted(column.name) for column in lake_columns(table))
    # The anchor adds columns that the contract has got since those days were written.
    paths = [_partition(home, ANCHOR_SOURCE, table.name, ANCHOR_DAY)]
    paths += [_partition(home, source, table.name, day) for day in sorted(before)]
    con.execute(
        f"CREATE TEMP TABLE existing AS SELECT {columns}, day FROM read_parquet($paths, "
        "union_by_name = true, hive_partitioning = true, hive_types = {'day': 'VARCHAR'})",
        {"paths": [str(path) for path in paths]},
    )
    same = " AND ".join(f"load.{quoted(name)} = existing.{quoted(name)}" for name in table.key)
    losing = set(_column(con, f"SELECT DISTINCT existing.day FROM existing SEMI JOIN load ON {same}"))
    con.execute(
        "CREATE TEMP TABLE result AS SELECT * FROM load UNION ALL "
        f"SELECT existing.* FROM existing ANTI JOIN load ON {same} "
        "WHERE existing.day IN (SELECT day FROM load) OR existing.day IN (SELECT unnest($losing::VARCHAR[]))",
        {"losing": sorted(losing)},
    )
    return losing


def write_parquet(con: duckdb.DuckDBPyConnection, query: str, final: Path, writer: str) -> None:
    """Writes the result of `query` to `final` in one step; a file that would not change is left alone.

    The folder of `final` is made, and its own entry is left for the caller to `sync`.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_for(final, writer)
    copy_to(con, query, temporary)
    if final.exists() and filecmp.cmp(temporary, final, shallow=False):
        temporary.unlink()
    else:
        replace_durably(temporary, final)


def _remove_left_overs(home: Home, source: str, table_name: str) -> None:
    """What a killed load left under a temporary name."""
    for left in _table_folder(home, source, table_name).glob(f"day=*/.{FILE_NAME}.*.tmp"):
        left.unlink()


def _remove_partition(home: Home, source: str, table_name: str, day: str) -> None:
    path = _partition(home, source, table_name, day)
    path.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()


# --- reading --------------------------------------------------------------------------------------


def count_rows(home: Home, table: RawTable) -> int:
    """Rows of a table in the lake, over all sources."""
    return int(_read(home, table.name, "SELECT count(*) AS rows FROM {lake}")[0]["rows"])


def sample_rows(home: Home, table: RawTable, limit: int = 10) -> list[dict[str, Any]]:
    """The rows of a table that were seen last."""
    order = ", ".join([f"{quoted(OBSERVED_AT.name)} DESC", *(quoted(name) for name in table.key)])
    query = f"SELECT * EXCLUDE (day) FROM {{lake}} ORDER BY {order} LIMIT {limit}"
    return _read(home, table.name, query)


def count_rows_of_load(home: Home, receipt: Receipt) -> int:
    """How many rows of a load are still in the lake: a later one may have replaced some."""
    paths = [
        str(_partition(home, receipt.source, receipt.table_name, day))
        for day in _days(home, receipt.source, receipt.table_name)
    ]
    if not paths:
        return 0

    def counted() -> int:
        with connection() as con:
            rows = con.execute(
                "SELECT count(*) FROM read_parquet($paths, union_by_name = true) WHERE load_id = $load_id",
                {"paths": paths, "load_id": receipt.load_id},
            ).fetchall()
        return int(rows[0][0])

    return settled(counted)


def _read(home: Home, table_name: str, query: str) -> list[dict[str, Any]]:
    """Rows of `query`, in which `{lake}` stands for a table; none where nothing was ever loaded."""
    return settled(lambda: _read_once(home, table_name, query))


def _read_once(home: Home, table_name: str, query: str) -> list[dict[str, Any]]:
    paths = [str(path) for path in sorted(_raw(home).glob(f"*/{table_name}/day=*/{FILE_NAME}"))]
    lake = "read_parquet($paths, union_by_name = true, hive_partitioning = true)"
    with connection() as con:
        result = con.execute(query.format(lake=lake), {"paths": paths})
        names = [name for name, *_ in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def naive_utc(moment: datetime) -> datetime:
    """An instant as the lake stores it: in UTC, without a zone."""
    return in_utc(moment).replace(tzinfo=None)


# --- layout ---------------------------------------------------------------------------------------


def _raw(home: Home) -> Path:
    return home.lake / "raw"


def _table_folder(home: Home, source: str, table_name: str) -> Path:
    return _raw(home) / source / table_name


def _partition(home: Home, source: str, table_name: str, day: str) -> Path:
    return _table_folder(home, source, table_name) / f"day={day}" / FILE_NAME


def _days(home: Home, source: str, table_name: str) -> list[str]:
    found = _table_folder(home, source, table_name).glob(f"day=*/{FILE_NAME}")
    return sorted(path.parent.name.removeprefix("day=") for path in found)


def _column(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [value for (value,) in con.execute(query).fetchall()]
