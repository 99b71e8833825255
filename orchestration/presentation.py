"""Turns plain results into what the web UI shows: tables, previews, column schemas.

Belongs here: conversions to Dagster metadata. Does not belong here: any decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def table(rows: Iterable[Mapping[str, object]], *, empty: str) -> dg.MetadataValue:
    """A table that the UI renders, or the sentence `empty` where there are no rows."""
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records) if records else dg.MetadataValue.text(empty)


def _cell(value: object) -> str | int | float | bool:
    return value if isinstance(value, str | int | float) else "" if value is None else str(value)
