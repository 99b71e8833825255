"""What a raw table's contract is made of: columns with types and units, key, partitioning, rules.

Belongs here: the vocabulary that the modules in `ingestion.tables` are written in, as plain data.
Does not belong here: the contracts themselves, and the code that enforces them (`ingestion.checks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


class ColumnType(StrEnum):
    """The types of the lake, each with the DuckDB type it is stored as."""

    TEXT = "VARCHAR"
    INTEGER = "BIGINT"
    NUMBER = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    INSTANT = "TIMESTAMP"
    """A point in time, in UTC, stored without a zone so that every engine reads the same."""


@dataclass(frozen=True)
class Column:
    """One column of a raw table. `unit` is for numbers; `allowed` closes the list of values."""

    name: str
    type: ColumnType
    description: str
    unit: str | None = None
    required: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class WatchedIds:
    """The ids that rows may name: what the watchlist declares."""

    platforms: frozenset[str]
    companies: frozenset[str]
    episodes: frozenset[str]


Rules = Callable[[ModuleType, WatchedIds], list["Expectation"]]
"""Builds a table's own expectations from `great_expectations.expectations` and the watched ids.

Each carries `severity` (critical: rows go to quarantine, or the batch is held where the rule is about
the whole batch; warning and info: reported) and `meta={"rule": "<a sentence about what is wrong>"}`.
"""


@dataclass(frozen=True)
class RawTable:
    """The contract of one raw table.

    `key` identifies a row within one source. `partition_by` names the columns whose first non-NULL
    value gives a row's `day` in the lake; `observed_at` closes the list where all may be NULL.
    Types, required columns, allowed values and the key are checked for every table from these
    fields; `rules` adds what only this table knows.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...]
    rules: Rules
    may_look_ahead: bool = False
    """Whether rows may tell of days that are still to come, as a calendar does."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the table's own columns, in order."""
        return tuple(column.name for column in self.columns)


LINEAGE_COLUMNS: tuple[Column, ...] = (
    Column("load_id", ColumnType.TEXT, "The load that brought the row; see `loads`.", required=True),
    Column("source", ColumnType.TEXT, "Where the load came from.", required=True),
    Column(
        "observed_at",
        ColumnType.INSTANT,
        "When the row was seen (UTC), as opposed to when what it tells happened.",
        required=True,
    ),
    Column(
        "provenance",
        ColumnType.TEXT,
        "How it was seen: `live`, `archive`, `case:<name>`, `import` or `watchlist`.",
        required=True,
    ),
)
"""Columns that the load adds to every raw table, behind the table's own."""

OBSERVED_AT = Column(
    "observed_at",
    ColumnType.INSTANT,
    "Optional in a file: when the row was seen (UTC). Without it, the moment the file was received.",
)
"""The one lineage column that a file may bring itself."""
