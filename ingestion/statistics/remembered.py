"""What slow statistics found before, by what they were computed from.

Belongs here: the digest of inputs, and reading a table that was built earlier. Does not belong here: what is
computed. A result is used again only where its inputs and the whole code are what they were.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pandas as pd

INPUTS = "inputs"
"""The column that holds the digest; all rows of one result share it."""


def digest_of(*inputs: object) -> str:
    """All that a result follows from, beside the code. Arrays are given as bytes."""
    digest = hashlib.sha256()
    for value in inputs:
        said = value if isinstance(value, bytes) else str(value).encode()
        digest.update(f"{len(said)} ".encode() + said)
    return digest.hexdigest()


def code_now(session: Any) -> str:
    """What tells the code of this build from others; empty where nobody told (see the macro `note_lake`).

    `session` is a DuckDB connection to the warehouse.
    """
    told = session.execute("select digest from upkeep.lake_days where table_name = 'code'").fetchall()
    return str(told[0][0]) if told else ""


def remembered(session: Any, table: str) -> dict[str, pd.DataFrame]:
    """The results that `table` holds from the last build, by their digest; none where it was never built."""
    import duckdb

    try:
        rows = session.execute(f"select * from {table} where {INPUTS} is not null").df()
    except (duckdb.BinderException, duckdb.CatalogException):  # never built, or in an earlier form
        return {}
    return {str(inputs): result for inputs, result in rows.groupby(INPUTS, sort=False)}
