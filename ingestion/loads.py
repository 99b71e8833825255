"""The ledger: one row a load, also when it failed.

Belongs here: what a load's row is made of, and how it is written and read. Does not belong here: loading.

A load writes a file of its own, so that loads wait for nobody. Those of past days are merged into a file a
day, since all are read every few minutes; a row that is in both counts once, in dbt's staging as here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ingestion.archive import Receipt
from ingestion.contract import Column, ColumnType
from ingestion.effects import ensure_folder, in_utc, locked
from ingestion.lake import FILE_NAME, ensure_anchor, naive_utc, write_parquet
from ingestion.settings import Home
from ingestion.sql import connection, quoted, settled

LEDGER_SOURCE = "observatory"
LEDGER_TABLE = "loads"
LOCK = f"lake/{LEDGER_SOURCE}/{LEDGER_TABLE}"


class Verdict(StrEnum):
    """What became of a load. `running` for ever: it was killed, and the next run loads it again."""

    RUNNING = "running"
    PUBLISHED = "published"
    PUBLISHED_WITH_QUARANTINE = "published_with_quarantine"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True)
class LoadRecord:
    """A row of the ledger. Instants are in UTC, without a zone, as in the lake.

    rows_in = rows_published + rows_quarantined. A batch that is held counts as quarantined as a whole;
    a load that is running or has failed has not accounted for any row yet and counts none. `days` are
    the partitions written.
    """

    load_id: str
    source: str
    table_name: str
    file_name: str
    digest: str | None
    provenance: str
    rows_in: int
    rows_published: int
    rows_quarantined: int
    verdict: Verdict
    reason: str | None
    days: int
    received_at: datetime
    started_at: datetime
    finished_at: datetime | None
    duration_seconds: float | None


LEDGER_COLUMNS: tuple[Column, ...] = (
    Column("load_id", ColumnType.TEXT, "Names the load."),
    Column("source", ColumnType.TEXT, "Where the load came from."),
    Column("table_name", ColumnType.TEXT, "The raw table that it filled; `unknown` for files not taken."),
    Column("file_name", ColumnType.TEXT, "The file that was read."),
    Column("digest", ColumnType.TEXT, "SHA-256 of the file as received; NULL where it could not be read."),
    Column("provenance", ColumnType.TEXT, "How it was seen."),
    Column("rows_in", ColumnType.INTEGER, "Rows that were read.", unit="rows"),
    Column("rows_published", ColumnType.INTEGER, "Rows that reached the lake.", unit="rows"),
    Column("rows_quarantined", ColumnType.INTEGER, "Rows that were held back.", unit="rows"),
    Column("verdict", ColumnType.TEXT, "What became of it.", allowed=tuple(Verdict)),
    Column("reason", ColumnType.TEXT, "Why rows or all of it were held back, or why it failed."),
    Column("days", ColumnType.INTEGER, "Partitions written.", unit="days"),
    Column("received_at", ColumnType.INSTANT, "When the file was received."),
    Column("started_at", ColumnType.INSTANT, "When the load started."),
    Column("finished_at", ColumnType.INSTANT, "When it ended."),
    Column("duration_seconds", ColumnType.NUMBER, "How long it took.", unit="seconds"),
)

ROWS = f"""
    SELECT {", ".join(quoted(column.name) for column in LEDGER_COLUMNS)}
    FROM read_parquet($paths, union_by_name = true)
    QUALIFY row_number() OVER (PARTITION BY load_id ORDER BY started_at DESC, finished_at DESC NULLS LAST) = 1
"""
"""A row a load, the latest: one that was merged may have been repeated since, and have its own file again."""


def started(receipt: Receipt, now: datetime) -> LoadRecord:
    """The row of a load that starts."""
    return LoadRecord(
        load_id=receipt.load_id,
        source=receipt.source,
        table_name=receipt.table_name,
        file_name=receipt.file_name,
        digest=receipt.digest,
        provenance=receipt.provenance,
        rows_in=0,
        rows_published=0,
        rows_quarantined=0,
        verdict=Verdict.RUNNING,
        reason=None,
        days=0,
        received_at=naive_utc(receipt.received_at),
        started_at=naive_utc(now),
        finished_at=None,
        duration_seconds=None,
    )


def ensure_ledger(home: Home) -> None:
    """Makes the ledger readable before the first load."""
    ensure_anchor(home, LEDGER_TABLE, LEDGER_COLUMNS)


def write_load(home: Home, record: LoadRecord) -> None:
    """Writes a load's row, in the place of what was written of the same load before.

    The partition is the day on which the file was received, which stays the same when a load is repeated.
    """
    path = _path(home, record)
    values = {column.name: getattr(record, column.name) for column in LEDGER_COLUMNS}
    row = ", ".join(f"CAST(${c.name} AS {c.type}) AS {quoted(c.name)}" for c in LEDGER_COLUMNS)
    ensure_folder(path.parent)
    with locked(home, LOCK), connection() as con:
        con.execute(f"CREATE TEMP TABLE record AS SELECT {row}", values)
        write_parquet(con, "FROM record", path, "load")


def read_loads(home: Home) -> list[LoadRecord]:
    """All loads, in the order in which they started."""
    return settled(lambda: _records(_files(home)))


def merge_past_days(home: Home, now: datetime) -> int:
    """Makes the files of past days one a day, and gives the number of those that went.

    The file of a load goes only when an earlier call has merged it: whoever lists the folders meanwhile
    finds each row at least once, and so does the next call, if this one is killed.
    """
    today = f"day={in_utc(now).date()}"
    with locked(home, LOCK), connection() as con:
        past = [path for path in _files(home) if path.parent.name < today]
        merged = set(_records([path for path in past if path.name == FILE_NAME]))
        single = set(_records([path for path in past if path.name != FILE_NAME]))
        if single - merged:
            con.execute(f"CREATE TEMP TABLE ledger AS {ROWS}", {"paths": [str(path) for path in past]})
        for folder in sorted({_path(home, record).parent for record in single - merged}):
            day = folder.name.removeprefix("day=")
            rows = f"FROM ledger WHERE CAST(received_at AS DATE) = DATE '{day}' ORDER BY load_id"
            write_parquet(con, rows, folder / FILE_NAME, "merge")
        for record in single & merged:
            _path(home, record).unlink()
    return len(single & merged)


def _path(home: Home, record: LoadRecord) -> Path:
    """Where a load writes its row: by the day on which its file was received."""
    return _ledger(home) / f"day={record.received_at.date()}" / f"{record.load_id}.parquet"


def _files(home: Home) -> list[Path]:
    return sorted(_ledger(home).glob("day=*/*.parquet"))


def _ledger(home: Home) -> Path:
    return home.lake / "raw" / LEDGER_SOURCE / LEDGER_TABLE


def _records(paths: Sequence[Path]) -> list[LoadRecord]:
    if not paths:
        return []
    with connection() as con:
        order = "ORDER BY started_at, received_at, table_name, load_id"
        rows = con.execute(f"{ROWS} {order}", {"paths": [str(path) for path in paths]}).fetchall()
    return [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> LoadRecord:
    values = dict(zip((field.name for field in fields(LoadRecord)), row, strict=True))
    return LoadRecord(**{**values, "verdict": Verdict(values["verdict"])})
