"""Apple's marketing feed: recordings, quirks, and lists that are not what was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.source import Request
from ingestion.sources.apple_marketing_feed import SOURCE
from ingestion.tables import RAW_TABLES
from tests._support.answers import answer_of
from tests._support.charts import (
    DAY,
    NOON,
    WATCHLIST,
    captures,
    chart_request,
    counted,
    entries,
    first_asked,
    read_or_refused,
    refused,
)
from tests._support.mutations import altered, damaged
from tests._support.upstreams import apple_marketing_feed as upstream

URL = "https://rss.marketingtools.apple.com/api/v2/us/apps/top-free/100/apps.json"
US = chart_request(URL, "US", "top_free_overall")
OLD = "https://rss.applemarketingtools.com/api/v2/us/apps/top-free"
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def feed(**changes: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(upstream.answer(US))
    document["feed"].update(changes)
    return document


def recorded(shared: Path, name: str) -> bytes:
    return (shared / "recordings/charts/apple_marketing_feed" / name).read_bytes()


# --- what is asked --------------------------------------------------------------------------------


def test_every_storefront_is_asked_for_free_and_paid_100_deep() -> None:
    assert [request.url.removeprefix("https://") for request in first_asked(SOURCE)] == [
        f"rss.marketingtools.apple.com/api/v2/{country}/apps/{feed}/100/apps.json"
        for country in ("us", "jp")
        for feed in ("top-free", "top-paid")
    ]
    asked = first_asked(SOURCE)[3]
    assert asked.labels == {"country": "JP", "chart": "top_paid_overall", "zone": "Asia/Tokyo"}
    assert asked.day == DAY


@pytest.mark.parametrize(
    ("first", "last"), [(date(2025, 1, 10), date(2025, 1, 14)), (date(2025, 1, 16),) * 2]
)
def test_a_day_that_is_not_today_cannot_be_asked_for(first: date, last: date) -> None:
    assert first_asked(SOURCE, first=first, last=last) == []


def test_of_a_longer_window_today_is_asked_for() -> None:
    asked = first_asked(SOURCE, first=date(2025, 1, 10), last=date(2025, 1, 20))
    assert {request.day for request in asked} == {DAY}


# --- recordings -----------------------------------------------------------------------------------


def test_the_recording_of_2023(shared: Path, tmp_path: Path) -> None:
    request = chart_request(f"{OLD}/50/apps.json", "US", "top_free_overall")
    content = recorded(shared, "us_top-free_50_2023-10-05_first-result-only.json")
    fetched_at = datetime(2023, 10, 6, 1, 30, tzinfo=UTC)
    parsed = SOURCE.read(answer_of(request, content, folder=tmp_path, fetched_at=fetched_at), WATCHLIST)
    assert counted(parsed) == (1, 1, 0)
    place = {
        "capture_id": "apple_marketing_feed:US:top_free_overall:20231006T013000Z",
        "store": "app_store",
        "country": "US",
        "chart": "top_free_overall",
        "store_date": date(2023, 10, 5),
    }
    assert captures(parsed)[0] == {
        **place,
        "captured_at": fetched_at,
        "scope": "chart",
        "platform_id": None,
        "depth": 1,
        "capture_status": "succeeded",
        "provider": "Apple",
        "publisher": None,
        "published_date": None,
        "source_url": request.url,
        "confidence": "A",
        "note": None,
    }
    assert entries(parsed)[0] == {
        **place,
        "rank": 1,
        "store_app_id": "1577705074",
        "platform_id": None,
        "app_name": "EPIK - AI Photo Editor",
    }


def test_rows_have_the_columns_of_their_tables(tmp_path: Path) -> None:
    parsed = SOURCE.read(answer_of(US, upstream.answer(US), folder=tmp_path), WATCHLIST)
    for table, rows in parsed.rows.items():
        assert {tuple(row) for row in rows} == {RAW_TABLES[table].column_names}


def test_ids_that_contradict_their_links_name_no_app(shared: Path, tmp_path: Path) -> None:
    """The recording of 2021, in which somebody has masked the ids."""
    request = chart_request(f"{OLD}/3/apps.json", "US", "top_free_overall")
    content = recorded(shared, "us_top-free_3_2021-11-24_ids-masked-by-author.json")
    fetched_at = datetime(2021, 11, 25, tzinfo=UTC)
    parsed = SOURCE.read(answer_of(request, content, folder=tmp_path, fetched_at=fetched_at), WATCHLIST)
    assert counted(parsed) == (1, 0, 3)
    assert captures(parsed)[0]["depth"] is None
    assert [(odd.position, odd.reason) for odd in parsed.broken] == [
        (1, "the id is 11111, and that of the link 835599320"),
        (2, "the id is 2222, and that of the link 544007664"),
        (3, "the id is 3333, and that of the link 389801252"),
    ]
    assert '"name": "TikTok"' in parsed.broken[0].text


# --- quirks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fetched_at", "american", "japanese"),
    [
        ("2025-01-15T04:59:59+00:00", date(2025, 1, 14), date(2025, 1, 15)),
        ("2025-01-15T05:00:00+00:00", date(2025, 1, 15), date(2025, 1, 15)),
        ("2025-01-15T15:00:00+00:00", date(2025, 1, 15), date(2025, 1, 16)),
    ],
)
def test_the_day_is_the_storefronts_own(
    fetched_at: str, american: date, japanese: date, tmp_path: Path
) -> None:
    jp = chart_request(URL.replace("/us/", "/jp/"), "JP", "top_free_overall")
    moment = datetime.fromisoformat(fetched_at)
    for request, day in ((US, american), (jp, japanese)):
        answer = answer_of(request, upstream.answer(request), folder=tmp_path, fetched_at=moment)
        parsed = SOURCE.read(answer, WATCHLIST)
        assert {row["store_date"] for row in (*captures(parsed), *entries(parsed))} == {day}


@pytest.mark.parametrize(
    ("fetched_at", "store_date"),
    [
        ("2025-03-10T03:59:00+00:00", date(2025, 3, 9)),  # the day on which New York lost an hour
        ("2025-03-10T04:00:00+00:00", date(2025, 3, 10)),
        ("2025-11-03T04:59:00+00:00", date(2025, 11, 2)),  # the day on which it got one
        ("2025-11-03T05:00:00+00:00", date(2025, 11, 3)),
    ],
)
def test_days_on_which_clocks_change_end_at_midnight(
    fetched_at: str, store_date: date, tmp_path: Path
) -> None:
    moment = datetime.fromisoformat(fetched_at)
    content = upstream.answer(replace(US, day=moment.date()))
    parsed = SOURCE.read(answer_of(US, content, folder=tmp_path, fetched_at=moment), WATCHLIST)
    assert captures(parsed)[0]["store_date"] == store_date


def test_another_host_or_depth_is_the_same_list(tmp_path: Path) -> None:
    document = feed(id=f"{OLD}/50/apps.json")
    assert counted(SOURCE.read(as_answer(document, tmp_path), WATCHLIST)) == (1, 100, 0)


def test_an_odd_piece_leaves_its_rank_unknown_and_the_others_as_they_are(tmp_path: Path) -> None:
    document = feed()
    results = document["feed"]["results"]
    results[41] = {**results[41], "name": None}
    results[77] = "an app"
    results[90]["id"] = int(results[90]["id"])
    results[91].pop("genres")
    results[92]["bundleId"] = "com.example.new"
    parsed = SOURCE.read(as_answer(document, tmp_path), WATCHLIST)
    assert counted(parsed) == (1, 98, 2)
    assert captures(parsed)[0]["depth"] == 41
    assert [odd.position for odd in parsed.broken] == [42, 78]
    assert [odd.reason for odd in parsed.broken] == [
        "the name is missing or no text",
        "the id null is not a number",
    ]
    assert [row["rank"] for row in entries(parsed)] == [n for n in range(1, 101) if n not in (42, 78)]


def test_what_is_no_app_is_no_entry(tmp_path: Path) -> None:
    document = feed()
    document["feed"]["results"][0]["kind"] = "books"
    parsed = SOURCE.read(as_answer(document, tmp_path), WATCHLIST)
    assert parsed.broken[0].reason == 'the kind is "books", not apps'
    assert captures(parsed)[0]["depth"] is None


# --- what is refused ------------------------------------------------------------------------------


def as_answer(document: object, folder: Path, fetched_at: datetime = NOON) -> Any:
    return answer_of(US, json.dumps(document).encode(), folder=folder, fetched_at=fetched_at)


@pytest.mark.parametrize(
    ("age", "is_fresh"),
    [
        (timedelta(hours=36), True),
        (timedelta(hours=36, seconds=1), False),
        (timedelta(hours=-1), True),
        (timedelta(hours=-1, seconds=-1), False),
    ],
)
def test_a_list_is_of_its_time(age: timedelta, is_fresh: bool, tmp_path: Path) -> None:
    moment = datetime(2025, 1, 15, 0, 10, tzinfo=UTC) + age
    answer = as_answer(feed(), tmp_path, moment)
    if is_fresh:
        assert counted(SOURCE.read(answer, WATCHLIST)) == (1, 100, 0)
    else:
        assert refused(SOURCE, answer).is_retriable


@pytest.mark.parametrize(
    "changes",
    [
        {"id": URL.replace("/us/", "/gb/")},
        {"id": URL.replace("top-free", "top-paid")},
        {"id": None},
        {"title": "Top Paid Apps"},
        {"results": []},
        {"results": None},
    ],
)
def test_another_list_or_an_empty_one_is_refused_and_asked_again(
    changes: dict[str, object], tmp_path: Path
) -> None:
    assert refused(SOURCE, as_answer(feed(**changes), tmp_path)).is_retriable


@pytest.mark.parametrize(
    "title", ["Top Free Apps", "Apps Gratis", "トップ無料アプリ", "Лучшие приложения", "", None, 5]
)
def test_a_title_of_the_chart_or_in_an_unknown_language_passes(title: object, tmp_path: Path) -> None:
    assert counted(SOURCE.read(as_answer(feed(title=title), tmp_path), WATCHLIST))[1] == 100


@pytest.mark.parametrize(
    "updated", ["2025-01-15T00:10:00+00:00", "Thu, 15 Jan 2025 00:10:00", "yesterday", "", None, 7, []]
)
def test_an_unknown_form_of_the_time_is_a_changed_format(updated: object, tmp_path: Path) -> None:
    error = refused(SOURCE, as_answer(feed(updated=updated), tmp_path))
    assert not error.is_retriable
    assert "`updated`" in str(error)


@pytest.mark.parametrize(
    ("content", "is_retriable"),
    [
        (b"", True),
        (b"<html><body>Service Unavailable</body></html>", True),
        (upstream.answer(US)[:5000], True),
        (b'{"feed": {"title": "\xff"}}', True),
        (b"{}", False),
        (b"[]", False),
        (b'{"feed": []}', False),
        (b"[" * 200_000, True),
    ],
)
def test_what_is_no_feed_is_refused(content: bytes, is_retriable: bool, tmp_path: Path) -> None:
    assert refused(SOURCE, answer_of(US, content, folder=tmp_path)).is_retriable is is_retriable


def test_a_failure_is_not_read(tmp_path: Path) -> None:
    assert refused(SOURCE, answer_of(US, upstream.answer(US), folder=tmp_path, status=500)).is_retriable


@QUICK
@given(content=damaged(upstream.answer(replace(US, url=URL.replace("100", "5")))))
def test_damaged_bytes_are_refused_or_read(content: bytes, tmp_path: Path) -> None:
    accounted(content, US, tmp_path)


@QUICK
@given(document=altered(json.loads(upstream.answer(replace(US, url=URL.replace("100", "5"))))))
def test_no_piece_of_an_altered_list_is_lost(document: object, tmp_path: Path) -> None:
    accounted(json.dumps(document).encode(), US, tmp_path)


def accounted(content: bytes, request: Request, folder: Path) -> None:
    parsed = read_or_refused(SOURCE, request, content, folder)
    if parsed is not None:
        results = json.loads(content)["feed"]["results"]
        pieces = len(results) if isinstance(results, list) else 1
        assert counted(parsed) == (1, pieces - len(parsed.broken), len(parsed.broken))


@QUICK
@given(odd=st.sets(st.integers(1, 100), max_size=5))
def test_depth_is_how_far_every_rank_is_known(odd: set[int], tmp_path: Path) -> None:
    document = feed()
    for rank in odd:
        document["feed"]["results"][rank - 1] = None
    parsed = SOURCE.read(as_answer(document, tmp_path), WATCHLIST)
    known = {row["rank"] for row in entries(parsed)}
    depth = captures(parsed)[0]["depth"] or 0
    assert isinstance(depth, int)
    assert set(range(1, depth + 1)) <= known
    assert depth + 1 not in known
