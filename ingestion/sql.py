"""A database in memory and the spelling of names, for all that reads or writes Parquet with DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


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
