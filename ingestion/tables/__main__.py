"""Prints the raw schema as a page: `python -m ingestion.tables > docs/raw_tables.md`.

A test holds the page in `docs/` to what this prints.
"""

from __future__ import annotations

import sys

from ingestion.contract import OBSERVED_AT, Column, RawTable
from ingestion.tables import RAW_TABLES, WATCHLIST_TABLES

INTRODUCTION = """\
# Raw tables

Written by `make docs` from the contracts in `ingestion/tables/`; do not edit.

A file named `<table>.csv`, `<table>.jsonl` or `<table>.parquet` (or `<table>__anything.csv`, ...) that is
dropped in the inbox, or given to `observatory import`, is loaded into that table. CSV has a header, commas,
and UTF-8 or UTF-16 with a byte order mark; dates are `2025-01-13`, instants `2025-01-13T15:00:00Z`; an empty
cell is NULL. Rows that share a key with rows imported before replace them. The `watch_` tables come from
`ingestion/watchlist.yaml` alone.

Every table may also bring `observed_at`: when the row was seen (an instant). The load adds `load_id`,
`source` and `provenance`.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([INTRODUCTION, *(_section(table) for table in RAW_TABLES.values())])


def _section(table: RawTable) -> str:
    origin = " From the watchlist." if table.name in WATCHLIST_TABLES else ""
    lines = [
        f"## `{table.name}`\n",
        f"{table.description} Key: {', '.join(f'`{name}`' for name in table.key)}.{origin}\n",
        "| column | type | required | what it is |",
        "| --- | --- | --- | --- |",
        *(_line(column) for column in table.columns if column.name != OBSERVED_AT.name),
    ]
    return "\n".join(lines) + "\n"


def _line(column: Column) -> str:
    unit = f" Unit: {column.unit}." if column.unit else ""
    allowed = f" One of {', '.join(f'`{value}`' for value in column.allowed)}." if column.allowed else ""
    required = "yes" if column.required else ""
    return (
        f"| `{column.name}` | {column.type.name.lower()} | {required} | {column.description}{unit}{allowed} |"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
