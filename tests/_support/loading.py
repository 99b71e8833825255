"""Small inputs for the way into the lake, a clock that stands or ticks, and views of what is on disk."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from ingestion.contract import RawTable, WatchedIds
from ingestion.inbox import receive_inbox
from ingestion.lake import table_glob
from ingestion.load import LoadResult, load_pending
from ingestion.settings import CASES, WATCHLIST, Home
from ingestion.watchlist import parse_watchlist, watchlist_rows

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WATCHED = WatchedIds(
    platforms=frozenset({"xiaohongshu", "tiktok", "lemon8"}),
    companies=frozenset({"bytedance"}),
    episodes=frozenset({"tiktok_refugees_2025"}),
)

ENTRY = {
    "capture_id": "c1",
    "store": "app_store",
    "country": "US",
    "chart": "top_free_overall",
    "store_date": "2025-01-13",
    "rank": "1",
    "platform_id": "xiaohongshu",
    "app_name": "REDnote",
}
"""A row of `chart_entries` that keeps its contract."""

RATE = {
    "provider": "ecb",
    "base_currency": "EUR",
    "quote_currency": "USD",
    "rate_date": "2025-01-13",
    "rate": "1.0198",
}
"""A row of `fx_rates` that keeps its contract."""


class Ticking:
    """A clock that goes on by a second each time it is read."""

    def __init__(self, start: datetime = NOON) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


def standing() -> datetime:
    """A clock that stands at `NOON`."""
    return NOON


def csv_text(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows as CSV; the first names the columns."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def entries(*changes: Mapping[str, str]) -> str:
    """`chart_entries` as CSV, a row for each of `changes` to `ENTRY`."""
    return csv_text([{**ENTRY, **change} for change in changes])


def drop(home: Home, name: str, content: str | bytes) -> Path:
    """Puts a file into the inbox."""
    path = home.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def drop_case(home: Home, name: str, tables: Mapping[str, str]) -> Path:
    """Puts a case folder into the inbox."""
    drop(home, f"{name}/case.yaml", f'name: {name}\nobserved_at: "2026-11-01T00:00:00Z"\n')
    for table_name, content in tables.items():
        drop(home, f"{name}/{table_name}.csv", content)
    return home.inbox / name


def load_tables(
    home: Home, tables: Iterable[str], clock: Ticking | None = None, watched: WatchedIds = WATCHED
) -> list[LoadResult]:
    """Loads what is pending of `tables`."""
    now = clock or standing
    return [result for name in tables for result in load_pending(home, name, watched, now)]


def receive_and_load(home: Home, *tables: str, clock: Ticking | None = None) -> list[LoadResult]:
    """Receives the inbox, then loads."""
    receive_inbox(home, clock or standing)
    return load_tables(home, tables, clock)


def lake_rows(home: Home, table_name: str, columns: str) -> list[tuple[object, ...]]:
    """Rows of a table in the lake, over all sources, sorted."""
    glob = table_glob(home, table_name)
    with duckdb.connect() as con:
        query = f"SELECT {columns} FROM read_parquet($glob, union_by_name = true) ORDER BY ALL"
        return con.execute(query, {"glob": glob}).fetchall()


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def real_watched() -> WatchedIds:
    """The ids of the bundled watchlist."""
    return parse_watchlist(WATCHLIST.read_bytes()).ids()


LIVE_ONLY: dict[str, dict[str, str]] = {
    "app_listings": {
        "store": "app_store", "country": "US", "store_app_id": "741292507", "listing_date": "2025-01-14",
        "platform_id": "xiaohongshu", "is_available": "true", "app_name": "RedNote", "price": "0",
        "currency": "USD", "average_rating": "4.7", "rating_count": "12", "version": "8.69",
    },
    "company_facts": {
        "cik": "0001326801", "taxonomy": "us-gaap", "concept": "Revenues", "unit": "USD",
        "period_start": "2024-10-01", "period_end": "2024-12-31", "period_key": "2024-10-01/2024-12-31",
        "value": "1000", "accession_number": "0001326801-25-000017", "form": "10-K",
        "filed_date": "2025-01-30", "filing_fiscal_year": "2024", "filing_fiscal_period": "FY",
    },
    "filings": {
        "accession_number": "0001326801-25-000017", "cik": "0001326801", "form": "10-K",
        "filed_date": "2025-01-30", "report_date": "2024-12-31", "accepted_at": "2025-01-29T21:05:00Z",
    },
}  # fmt: skip
"""A made-up row of each table that only upstreams fill."""


def example_rows(table: RawTable) -> list[dict[str, str]]:
    """Rows of the bundled case or watchlist, or made-up ones where neither has any, as texts."""
    if table.name in LIVE_ONLY:
        return [dict.fromkeys(table.column_names, "") | LIVE_ONLY[table.name]]
    path = CASES / "january_2025" / f"{table.name}.csv"
    if path.exists():
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    rows = watchlist_rows(parse_watchlist(WATCHLIST.read_bytes()))[table.name]
    return [{name: _text(value) for name, value in row.items()} for row in rows]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


VENDOR = {
    "statement_id": "V1", "subject_type": "platform", "subject_id": "lemon8", "platform_id": "lemon8",
    "metric": "dau", "geography": "US", "observed_date": "2025-01-20", "date_precision": "day",
    "value": "2000000", "value_bound": "=", "unit": "users", "provider": "Example Vendor",
}  # fmt: skip
"""A row of `published_metrics` that somebody drops."""
