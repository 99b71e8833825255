"""Turns plain results into what the web UI shows: tables, previews, column schemas.

Belongs here: conversions to Dagster metadata. Does not belong here: any decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

import dagster as dg

from ingestion.contract import LINEAGE_COLUMNS, Column, RawTable

OWNERS = ("team:observatory",)
"""Who answers for every asset."""

PREVIEW_ROWS = 10


class Group:
    """The groups of assets. Lists in the web UI are alphabetical: the numbers give the way of the data.

    Plain text and no enumeration: Dagster keeps none but its own.
    """

    RECEIVED = "1_received"
    UPSTREAMS = "2_upstreams"
    LAKE = "3_lake"
    QUARANTINE = "4_quarantine"
    STAGING = "5_staging"
    INTERMEDIATE = "6_intermediate"
    MARTS = "7_marts"
    PUBLISHED = "8_published"
    OPERATIONS = "9_operations"


def column_schema(table: RawTable) -> dg.TableSchema:
    """The columns of a raw table with types, units and what they mean."""
    own = {column.name for column in LINEAGE_COLUMNS}
    return schema_of([*(c for c in table.columns if c.name not in own), *LINEAGE_COLUMNS])


def schema_of(columns: Iterable[Column]) -> dg.TableSchema:
    """Columns of a contract as the web UI shows them."""
    return dg.TableSchema(columns=[_table_column(column) for column in columns])


def schema(**columns: str) -> dg.TableSchema:
    """Columns of what is no table of the contracts, each with what it means."""
    return dg.TableSchema(columns=[dg.TableColumn(name, description=said) for name, said in columns.items()])


def checks_of(key: dg.AssetKey) -> dg.MetadataValue:
    """The page of the web UI that shows the checks of an asset."""
    return dg.MetadataValue.url(f"/assets/{'/'.join(key.path)}?view=checks")


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
    if isinstance(value, Enum):
        return str(value.value)  # Dagster keeps no enumerations but its own
    return value if isinstance(value, str | int | float) else "" if value is None else str(value)
