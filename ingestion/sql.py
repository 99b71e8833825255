"""A database in memory and the spelling of names, for all that reads or writes Parquet with DuckDB."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

TRIES = 5

logger = logging.getLogger(__name__)


@contextmanager
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database in memory, in UTC, with temporary tables of its own."""
    with _database().cursor() as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One a process, since making one takes longer than most of what is asked of it.

    One thread, so that the same rows give the same bytes.
    """
    import duckdb

    return duckdb.connect(config={"threads": 1, "enable_external_file_cache": False})


def settled(read: Callable[[], T]) -> T:
    """What `read` gives, which reads files that other processes may replace meanwhile.

    DuckDB then reads the new file by the table of contents of the old one, and calls it damaged; a second
    look reads the new one alone. Raises the last error of several.
    """
    import duckdb

    for _ in range(TRIES - 1):
        try:
            return read()
        except duckdb.Error as error:
            logger.info("Read again, since a file may have been replaced: %s", error)
    return read()


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def temporary_for(final: Path, writer: str) -> Path:
    """Where `writer` prepares `final`: beside it, under a name that no `*.parquet` matches."""
    return final.with_name(f".{final.name}.{writer}.tmp")


def copy_to(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Writes the result of `query` to a Parquet file."""
    literal = str(path).replace("'", "''")
    con.execute(f"COPY ({query}) TO '{literal}' (FORMAT parquet, COMPRESSION zstd)")
