"""Contract of `articles`: what was published where and when. No text of others is kept."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import DATE_PRECISIONS, URL_PATTERN, between, matches, within_dates

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "url", URL_PATTERN, "url is not an http address"),
        matches(
            gxe,
            "language",
            r"^[a-z]{2,3}$",
            "language is not an ISO 639 code",
            severity="warning",
        ),
        between(gxe, "tone_score", "tone_score is not between -100 and 100", low=-100, high=100),
        between(gxe, "word_count", "word_count is negative", low=0),
        *within_dates(gxe, ["published_date"]),
    ]


TABLE = RawTable(
    name="articles",
    description="One row per article: its address, outlet, date, language and story.",
    columns=(
        Column("article_id", ColumnType.TEXT, "Names the article.", required=True),
        Column("url", ColumnType.TEXT, "Where it is.", required=True),
        Column("outlet", ColumnType.TEXT, "Who published it.", required=True),
        Column("language", ColumnType.TEXT, "ISO 639 code."),
        Column("published_date", ColumnType.DATE, "Day of publication in the outlet's own zone."),
        Column("published_at", ColumnType.INSTANT, "Instant, only where the zone is known (UTC)."),
        Column(
            "published_precision",
            ColumnType.TEXT,
            "How exact `published_date` is; a month or year stands on its first day; unknown: a stand-in.",
            required=True,
            allowed=DATE_PRECISIONS,
        ),
        Column("title", ColumnType.TEXT, "The headline, where its licence allows to keep it."),
        Column("story_cluster_id", ColumnType.TEXT, "Which story it tells, where the source says so."),
        Column("relation", ColumnType.TEXT, "How it relates to the first telling of the story."),
        Column("origin", ColumnType.TEXT, "Who told the story first."),
        Column(
            "tone_score",
            ColumnType.NUMBER,
            "How positive the words of the text are by GDELT's dictionaries, which know no irony.",
            unit="tone points, -100 to 100",
        ),
        Column("word_count", ColumnType.INTEGER, "Length of the text, as GDELT counts it.", unit="words"),
        Column("note", ColumnType.TEXT, "What a reader must know about this row."),
    ),
    key=("article_id",),
    partition_by=("published_date", "observed_at"),
    rules=rules,
)
