"""The warehouse as a file: whether it is damaged, putting a damaged one aside, and making it small again.

Belongs here: what is done to `warehouse.duckdb` without knowing its models. Does not belong here: building
(`orchestration.dbt`), publishing (`orchestration.publish`). Whoever calls holds the lock of the warehouse.

All of it is derived from the lake: a file that is put aside is built anew by the next whole build.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingestion.effects import replace_durably, sync
from ingestion.settings import Home

DAMAGED = (
    "not a valid DuckDB database",
    "Could not read enough bytes",
    "Corrupt database",
    "checksum",
    "metadata pointer",
    "replaying WAL",
)
"""What DuckDB says of a file that is damaged: it has no error class for it. Anything else, such as a file
that somebody has open, no memory, or a missing permission, says nothing of the file."""
STORAGE_VERSION = "v1.5.0"
WORTH_SHARE = 0.2
"""A file is compacted when this share of its blocks is free."""


@dataclass(frozen=True)
class Compaction:
    """What became of the file. `why_not`: why it was left as it is."""

    before_bytes: int
    after_bytes: int
    why_not: str | None = None


def damage(warehouse: Path, *, thoroughly: bool = False) -> str | None:
    """What is wrong with the file; None where nothing is, where there is none, or where that cannot be told.

    Opens it and reads the catalogue: that finds a file that is none, or was cut. `thoroughly` reads every
    block of every table as well, which takes as long as reading the file.
    """
    import duckdb

    if not warehouse.exists():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True) as con:
            tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, name in tables if thoroughly else ():
                relation = f"{_identifier(schema)}.{_identifier(name)}"
                con.execute(f"SELECT bit_xor(hash(t)) FROM {relation} AS t").fetchall()
    except duckdb.Error as error:
        told = str(error).splitlines()[0]
        broken = isinstance(
            error, duckdb.InternalException | duckdb.FatalException | duckdb.SerializationException
        )
        return told if broken or any(sign in told for sign in DAMAGED) else None
    return None


def put_aside_if_damaged(home: Home, now: datetime, *, thoroughly: bool = False) -> str | None:
    """Moves a damaged warehouse to `warehouse.duckdb.damaged-<time>` and says so; None where it is whole.

    Its write-ahead log goes with it: it belongs to that file alone.
    """
    wrong = damage(home.warehouse, thoroughly=thoroughly)
    if wrong is None:
        return None
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = home.warehouse.with_name(f"{home.warehouse.name}.damaged-{stamp}")
    log = _log_of(home.warehouse)
    if log.exists():
        log.replace(_log_of(aside))
    home.warehouse.replace(aside)
    sync(aside.parent)
    return (
        f"{home.warehouse.name} was damaged ({wrong}). It is now {aside.name}, and built anew from the lake."
    )


def compact(home: Home) -> Compaction:
    """Copies the warehouse into a new file, which takes its place in one step, where that is worth it."""
    import duckdb

    if not home.warehouse.exists():
        return Compaction(0, 0, "there is no warehouse")
    fresh = home.warehouse.with_name(f".{home.warehouse.name}.compact")
    _remove(fresh)
    try:
        with duckdb.connect(str(home.warehouse)) as con:
            con.execute("CHECKPOINT")
            used, block = con.execute(
                "SELECT used_blocks, block_size FROM pragma_database_size()"
            ).fetchall()[0]
    except duckdb.Error as error:
        size = home.warehouse.stat().st_size
        return Compaction(size, size, f"it cannot be opened: {str(error).splitlines()[0]}")
    before = home.warehouse.stat().st_size
    free = max(0.0, 1 - used * block / before)
    if free < WORTH_SHARE:
        return Compaction(before, before, f"{free:.0%} of it are free, which is not worth a copy")
    if shutil.disk_usage(home.root).free < 2 * before:
        return Compaction(before, before, "there is too little space for a copy")
    _copy(home.warehouse, fresh)
    replace_durably(fresh, home.warehouse)
    return Compaction(before, home.warehouse.stat().st_size)


def _copy(old: Path, fresh: Path) -> None:
    """Views name the database that they are in, so it must be called here as it is by its file."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": f"{fresh}.tmp",
        "memory_limit": "1GB",
        "preserve_insertion_order": "true",
    }
    try:
        with duckdb.connect(":memory:", config=settings) as con:
            con.execute(f"ATTACH {_text(old)} AS {_identifier(old.stem)} (READ_ONLY)")
            con.execute(f"ATTACH {_text(fresh)} AS compacted (STORAGE_VERSION '{STORAGE_VERSION}')")
            con.execute(f"COPY FROM DATABASE {_identifier(old.stem)} TO compacted")
            con.execute("CHECKPOINT compacted")
            con.execute("DETACH compacted")
    except BaseException:
        _remove(fresh)
        raise


def _remove(fresh: Path) -> None:
    """What a killed compaction left."""
    fresh.unlink(missing_ok=True)
    _log_of(fresh).unlink(missing_ok=True)


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.wal")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
