"""Contract of `watch_wikipedia_titles`: the Wikipedia articles that stand for a platform or company."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import on_the_watchlist, watched_subjects

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "subject_id", watched_subjects(watched)),
    ]


TABLE = RawTable(
    name="watch_wikipedia_titles",
    description="One row per project and title.",
    columns=(
        Column(
            "subject_type",
            ColumnType.TEXT,
            "What `subject_id` is.",
            required=True,
            allowed=("platform", "company"),
        ),
        Column("subject_id", ColumnType.TEXT, "The platform or company.", required=True),
        Column("project", ColumnType.TEXT, "Wikipedia edition, such as `en.wikipedia`.", required=True),
        Column("title", ColumnType.TEXT, "Exact title, with underscores.", required=True),
        Column(
            "is_primary",
            ColumnType.BOOLEAN,
            "Whether it is the article on the subject itself; others are about it.",
            required=True,
        ),
    ),
    key=("project", "title"),
    partition_by=("observed_at",),
    rules=rules,
)
