"""Contract of `chart_captures`: what was looked at in a store's chart, how deep, and with what result.

Without it an absence means nothing: only a capture says that an app was looked for and not there.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import (
    CHART_PATTERN,
    COUNTRY_PATTERN,
    STORES,
    between,
    matches,
    on_the_watchlist,
    published_columns,
    within_dates,
)

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

CAPTURE_ID = Column("capture_id", ColumnType.TEXT, "Names the capture.", required=True)
CHART_COLUMNS = (
    Column("store", ColumnType.TEXT, "The app store.", required=True, allowed=STORES),
    Column("country", ColumnType.TEXT, "Storefront, ISO 3166-1 alpha-2.", required=True),
    Column(
        "chart",
        ColumnType.TEXT,
        "The list: `top_free_overall`, `top_free_apps` (no games), `top_free_social`, ...",
        required=True,
    ),
    Column(
        "store_date",
        ColumnType.DATE,
        "Day of the chart in the storefront's own zone (`watch_storefronts`).",
        required=True,
    ),
)
"""What places a capture, or one of its entries, in a chart and on a day."""


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "country", COUNTRY_PATTERN, "country is not an ISO 3166-1 alpha-2 code"),
        matches(gxe, "chart", CHART_PATTERN, "chart is not a known kind of list"),
        between(gxe, "depth", "depth is not between 1 and 1000", low=1, high=1000),
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        *within_dates(gxe, ["store_date"]),
    ]


TABLE = RawTable(
    name="chart_captures",
    description="One row per capture of a chart, also when it failed or the app was not there.",
    columns=(
        CAPTURE_ID,
        *CHART_COLUMNS,
        Column("captured_at", ColumnType.INSTANT, "When the chart was read, where known."),
        Column(
            "scope",
            ColumnType.TEXT,
            "`chart`: every rank down to `depth` is known, so absence means unranked; "
            "`app`: only the app of `platform_id` was looked for, down to `depth`.",
            required=True,
            allowed=("chart", "app"),
        ),
        Column("platform_id", ColumnType.TEXT, "For scope `app`: whose app was looked for."),
        Column("depth", ColumnType.INTEGER, "How deep the chart was read.", unit="ranks"),
        Column(
            "capture_status",
            ColumnType.TEXT,
            "Whether there is an answer to read.",
            required=True,
            allowed=("succeeded", "failed"),
        ),
        Column("provider", ColumnType.TEXT, "Who read the chart: the store itself, or a vendor."),
        *published_columns(),
    ),
    key=("capture_id",),
    partition_by=("store_date",),
    rules=rules,
)
