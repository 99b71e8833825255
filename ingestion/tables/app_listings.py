"""Contract of `app_listings`: what a store's lookup says of a watched app on one day."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import COUNTRY_PATTERN, STORES, between, matches, on_the_watchlist, within_dates

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "country", COUNTRY_PATTERN, "country is not an ISO 3166-1 alpha-2 code"),
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        between(gxe, "price", "price is negative", low=0),
        between(gxe, "rating_count", "rating_count is below 1", low=1),
        between(gxe, "average_rating", "average_rating is not between 0 and 5", low=0, high=5),
        *within_dates(gxe, ["listing_date"]),
    ]


TABLE = RawTable(
    name="app_listings",
    description="One row per store, country, app and day, also where the store leaves the app out.",
    columns=(
        Column("store", ColumnType.TEXT, "The app store.", required=True, allowed=STORES),
        Column("country", ColumnType.TEXT, "Storefront, ISO 3166-1 alpha-2.", required=True),
        Column("store_app_id", ColumnType.TEXT, "Numeric id or package that was asked for.", required=True),
        Column("listing_date", ColumnType.DATE, "Day of the lookup, UTC.", required=True),
        Column("platform_id", ColumnType.TEXT, "Whose app it is.", required=True),
        Column(
            "is_available", ColumnType.BOOLEAN, "Whether the store answered with a listing.", required=True
        ),
        Column("app_name", ColumnType.TEXT, "As shown; never a key."),
        Column("bundle_id", ColumnType.TEXT, "Bundle id or package."),
        Column("developer", ColumnType.TEXT, "Who sells it."),
        Column("genre_id", ColumnType.TEXT, "The store's primary genre id."),
        Column("genre", ColumnType.TEXT, "Its name."),
        Column("price", ColumnType.NUMBER, "Price.", unit="see currency"),
        Column("currency", ColumnType.TEXT, "ISO 4217 code."),
        Column(
            "average_rating",
            ColumnType.NUMBER,
            "Mean of lifetime ratings in the storefront; NULL where there are none.",
            unit="stars",
        ),
        Column(
            "rating_count",
            ColumnType.INTEGER,
            "Lifetime ratings in the storefront; may fall; NULL, not 0, where there are none.",
            unit="ratings",
        ),
        Column(
            "installs_at_least",
            ColumnType.INTEGER,
            "Lower end of the install bracket (Google Play).",
            unit="installs",
        ),
        Column("version", ColumnType.TEXT, "Current version."),
        Column("released_at", ColumnType.INSTANT, "When the current version was released (UTC)."),
        Column("source_url", ColumnType.TEXT, "Where it was asked."),
    ),
    key=("store", "country", "store_app_id", "listing_date"),
    partition_by=("listing_date",),
    rules=rules,
)
