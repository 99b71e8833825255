"""Recorded charts: every piece is a row or broken, no day is missing, and the lake takes all of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.inbox import receive_inbox
from ingestion.lake import table_glob
from ingestion.loads import Verdict
from ingestion.settings import Home
from ingestion.source import Row
from tests._support.loading import csv_text, drop, load_tables, real_watched, standing
from tests._support.recorded_charts import (
    Recorded,
    finance_of_japan,
    four_genres_of_a_day,
    history_of_four_genres,
    history_of_japan,
    names_only,
    normalised_feeds,
    one_app,
)


@pytest.fixture(scope="module")
def charts(shared: Path) -> Path:
    return shared / "recordings" / "charts"


@pytest.fixture(scope="module")
def japan(charts: Path) -> Recorded:
    return history_of_japan(charts / "apple_jp_finance_html/jp_iphone_top_free_finance_history.parquet")


@pytest.fixture(scope="module")
def genres(charts: Path) -> Recorded:
    return history_of_four_genres(charts / "apple_us_genres_2026/us_top_free_4genres_2026_history.parquet")


def counts(recorded: Recorded) -> tuple[int, int, int, int]:
    """Pieces, captures, entries, broken."""
    return recorded.pieces, len(recorded.captures), len(recorded.entries), len(recorded.broken)


def days(first: date, last: date) -> set[object]:
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}


def test_310_days_of_a_japanese_chart_page_without_a_gap(japan: Recorded) -> None:
    assert counts(japan) == (31_400, 314, 31_400, 0)
    assert {row["depth"] for row in japan.captures} == {100}
    moments = [row["captured_at"] for row in japan.captures]
    assert {moment.date() for moment in moments if isinstance(moment, datetime)} == days(
        date(2024, 12, 28), date(2025, 11, 2)
    )
    # Of the storefront's days there is one more: most captures are made after ten in the evening, in UTC.
    assert {row["store_date"] for row in japan.captures} == days(date(2024, 12, 28), date(2025, 11, 3))
    assert len({row["capture_id"] for row in japan.captures}) == 314
    first, last = japan.entries[0], japan.entries[-1]
    assert (first["rank"], first["store_app_id"], first["store_date"]) == (
        1,
        "6670250360",
        date(2024, 12, 28),
    )
    assert (last["rank"], last["store_date"]) == (100, date(2025, 11, 3))


def test_titles_change_and_ids_do_not(japan: Recorded) -> None:
    titles: dict[object, set[object]] = {}
    for row in japan.entries:
        titles.setdefault(row["store_app_id"], set()).add(row["app_name"])
    assert len(titles) == 245
    assert sum(len(names) > 1 for names in titles.values()) == 21


def test_the_captures_of_the_page_are_those_of_the_history(charts: Path, japan: Recorded) -> None:
    captures = finance_of_japan(charts / "apple_jp_finance_html/captures")
    assert counts(captures) == (9_800, 98, 9_800, 0)
    known = {(row["capture_id"], row["rank"]): row for row in japan.entries}
    assert all(known[row["capture_id"], row["rank"]] == row for row in captures.entries)


def test_four_american_genres_over_187_days(genres: Recorded) -> None:
    assert counts(genres) == (74_789, 748, 74_789, 0)
    assert Counter(row["chart"] for row in genres.captures) == {
        "top_free_games": 187,
        "top_free_health_fitness": 187,
        "top_free_lifestyle": 187,
        "top_free_social": 187,
    }
    assert Counter(row["depth"] for row in genres.captures) == {100: 738, 99: 9, 98: 1}
    assert len({row["capture_id"] for row in genres.captures}) == 748
    moments = [row["captured_at"] for row in genres.captures]
    assert min(moments) == datetime(2026, 2, 17, 8, 55, 52, tzinfo=UTC)  # type: ignore[type-var]
    assert max(moments) == datetime(2026, 8, 22, 0, 29, 42, tzinfo=UTC)  # type: ignore[type-var]
    # Half an hour after midnight in UTC it is the evening before in New York: all looks but the first belong
    # to the storefront's day before, and the first day has two.
    seen = Counter(row["store_date"] for row in genres.captures if row["chart"] == "top_free_social")
    assert set(seen) == days(date(2026, 2, 17), date(2026, 8, 21))
    assert {day for day, looks in seen.items() if looks > 1} == {date(2026, 2, 17)}


def test_a_day_of_a_genre_is_that_of_the_history(charts: Path, genres: Recorded) -> None:
    known = {(row["capture_id"], row["rank"]): row for row in genres.entries}
    sizes = []
    for path in sorted((charts / "apple_us_genres_2026").glob("*.json")):
        of_day = four_genres_of_a_day(path)
        sizes.append(counts(of_day))
        assert all(known[row["capture_id"], row["rank"]] == row for row in of_day.entries)
    assert sizes == [(100, 1, 100, 0)] * 5 + [(99, 1, 99, 0)]


def test_the_normalised_feeds_of_three_countries(charts: Path) -> None:
    feeds = normalised_feeds(
        charts / "apple_legacy_feed/normalised_us_cn_jp_2026-02-20.json",
        datetime(2026, 2, 20, 3, 18, tzinfo=UTC),
    )
    assert len(feeds) == 12
    assert sum(feed.pieces for feed in feeds.values()) == 1_192
    assert all(counts(feed)[2:] == (feed.pieces, 0) for feed in feeds.values())
    assert sorted(feed.pieces for feed in feeds.values()) == [97, 98, 99, 99, 99, *[100] * 7]


def test_one_app_that_was_looked_for_alone(charts: Path) -> None:
    looks = one_app(charts / "coinbase_us_finance_rank_history.csv")
    assert counts(looks) == (273, 273, 272, 0)
    assert {row["scope"] for row in looks.captures} == {"app"}
    assert Counter(row["capture_status"] for row in looks.captures) == {"succeeded": 272, "failed": 1}
    last = looks.captures[-1]
    assert (last["capture_status"], last["store_date"], last["depth"]) == ("failed", date(2025, 11, 3), None)
    assert (looks.entries[0]["rank"], looks.entries[0]["store_app_id"]) == (2, "886427730")
    assert {row["chart"] for row in looks.entries} == {"top_free_finance"}


def test_names_without_ids_and_days_are_kept_aside(charts: Path) -> None:
    for country in ("us", "gb"):
        listed = names_only(charts / f"248e10b_app_store_top_100_{country}.csv", country)
        assert counts(listed) == (100, 0, 0, 100)
        assert json.loads(listed.broken[0].text)["rank"] == "1"


@pytest.mark.parametrize(("name", "captures", "entries"), [("japan", 314, 31_400), ("genres", 748, 74_789)])
def test_the_lake_takes_all_of_it(
    name: str, captures: int, entries: int, home: Home, request: pytest.FixtureRequest
) -> None:
    recorded: Recorded = request.getfixturevalue(name)
    drop(home, "chart_captures.csv", csv_text(list(texts(recorded.captures))))
    drop(home, "chart_entries.csv", csv_text(list(texts(recorded.entries))))
    receive_inbox(home, standing)
    results = load_tables(home, ["chart_captures", "chart_entries"], watched=real_watched())
    assert [(r.record.verdict, r.record.rows_in, r.record.rows_published) for r in results] == [
        (Verdict.PUBLISHED, captures, captures),
        (Verdict.PUBLISHED, entries, entries),
    ]
    with duckdb.connect() as con:
        glob = table_glob(home, "chart_entries")
        held = con.execute(
            "SELECT count(*), count(DISTINCT (capture_id, rank)) FROM read_parquet($glob)", {"glob": glob}
        )
        assert held.fetchall() == [(entries, entries)]


def texts(rows: Iterable[Row]) -> Iterable[dict[str, str]]:
    for row in rows:
        yield {name: "" if value is None else _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
