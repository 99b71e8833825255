"""Turns plain results into what the web UI shows: tables, previews, column schemas.

Belongs here: conversions to Dagster metadata. Does not belong here: any decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from ingestion.contract import LINEAGE_COLUMNS, Column, RawTable

OWNERS = ("team:observatory",)
"""Who answers for every asset."""

PREVIEW_ROWS = 10


def column_schema(table: RawTable) -> dg.TableSchema:
    """The columns of a raw table with types, units and what they mean."""
    own = {column.name for column in LINEAGE_COLUMNS}
    columns = [*(c for c in table.columns if c.name not in own), *LINEAGE_COLUMNS]
    return dg.TableSchema(columns=[_table_column(column) for column in columns])


def _table_column(column: Column) -> dg.TableColumn:
    unit = f" Unit: {column.unit}." if column.unit else ""
    allowed = [f"one of {', '.join(column.allowed)}"] if column.allowed else []
    return dg.TableColumn(
        name=column.name,
        type=column.type.value,
        description=column.description + unit,
        constraints=dg.TableColumnConstraints(nullable=not column.required, other=allowed),
    )


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table that the UI renders; cells are escaped."""
    lines = [_line(header), _line(["---"] * len(header)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    texts = ("" if cell is None else str(cell) for cell in cells)
    escaped = (text.replace("|", "\\|").replace("\n", " ") for text in texts)
    return f"| {' | '.join(escaped)} |"


def preview(rows: Sequence[Mapping[str, object]]) -> dg.MarkdownMetadataValue:
    """The first rows of a table."""
    if not rows:
        return dg.MetadataValue.md("No rows.")
    header = list(rows[0])
    return dg.MetadataValue.md(markdown_table(header, [[row[name] for name in header] for row in rows]))


def file_link(path: Path) -> dg.UrlMetadataValue:
    """A local file that a browser can open."""
    return dg.MetadataValue.url(path.resolve().as_uri())
