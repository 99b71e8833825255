"""Apple's legacy feed: recordings of eleven years, quirks, and lists that are not what was asked for."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.source import Answer, Request
from ingestion.sources.apple_legacy_feed import SOURCE, address_of
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
from tests._support.upstreams import apple_legacy_feed as upstream

RSS = "https://itunes.apple.com/us/rss"
OVERALL = chart_request(f"{RSS}/topfreeapplications/limit=100/json", "US", "top_free_overall")
SOCIAL = chart_request(f"{RSS}/topfreeapplications/limit=100/genre=6005/json", "US", "top_free_social")
FEW = chart_request(f"{RSS}/topfreeapplications/limit=5/json", "US", "top_free_overall")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def feed(request: Request = SOCIAL, /, **changes: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(upstream.answer(request), strict=False)
    document["feed"].update(changes)
    return document


def as_answer(
    document: object, folder: Path, request: Request = SOCIAL, fetched_at: datetime = NOON
) -> Answer:
    return answer_of(request, json.dumps(document).encode(), folder=folder, fetched_at=fetched_at)


def of_recording(shared: Path, name: str, folder: Path, request: Request, fetched_at: datetime) -> Answer:
    content = (shared / "recordings/charts/apple_legacy_feed" / name).read_bytes()
    return answer_of(request, content, folder=folder, fetched_at=fetched_at)


# --- what is asked --------------------------------------------------------------------------------


def test_every_storefront_is_asked_for_its_charts() -> None:
    asked = first_asked(SOURCE)
    assert [request.url for request in asked if request.labels["country"] == "US"] == [
        f"{RSS}/topfreeapplications/limit=100/json",
        f"{RSS}/topfreeapplications/limit=100/genre=6005/json",
        f"{RSS}/topfreeapplications/limit=100/genre=6008/json",
        f"{RSS}/topfreeapplications/limit=100/genre=6012/json",
        f"{RSS}/topfreeapplications/limit=100/genre=6016/json",
        f"{RSS}/toppaidapplications/limit=100/json",
        f"{RSS}/topgrossingapplications/limit=100/json",
    ]
    assert [request.labels["chart"] for request in asked if request.labels["country"] == "JP"] == [
        "top_free_overall",
        "top_free_social",
        "top_free_photo_video",
        "top_free_lifestyle",
        "top_free_entertainment",
        "top_paid_overall",
        "top_grossing_overall",
    ]
    assert first_asked(SOURCE, first=date(2025, 1, 14), last=date(2025, 1, 14)) == []


def test_an_address_says_which_chart_it_is() -> None:
    for request in first_asked(SOURCE):
        address = address_of(request.url)
        assert address is not None
        assert (address.country, address.chart) == (request.labels["country"], request.labels["chart"])
        assert address.limit == 100
    unnamed = address_of(f"{RSS}/topfreeipadapplications/limit=25/json")
    assert unnamed is not None
    assert unnamed.chart is None
    assert address_of(f"{RSS}/topfreeapplications/limit=25/xml") is None


# --- recordings -----------------------------------------------------------------------------------


def test_25_apps_of_2015_with_a_raw_newline(shared: Path, tmp_path: Path) -> None:
    request = chart_request(f"{RSS}/topgrossingipadapplications/limit=25/json", "US", "top_grossing_ipad")
    fetched_at = datetime(2015, 2, 27, 6, tzinfo=UTC)
    parsed = SOURCE.read(of_recording(shared, "TopApps.json", tmp_path, request, fetched_at), WATCHLIST)
    assert counted(parsed) == (1, 25, 0)
    assert captures(parsed)[0]["depth"] == 25
    assert captures(parsed)[0]["capture_id"] == "apple_legacy_feed:US:top_grossing_ipad:20150227T060000Z"
    first, last = entries(parsed)[0], entries(parsed)[-1]
    assert (first["rank"], first["store_app_id"], first["app_name"]) == (1, "529479190", "Clash of Clans")
    assert first["store_date"] == date(2015, 2, 27)
    assert last["rank"] == 25
    assert last["app_name"] == "TurboTax Tax Preparation - Complete and efile your 2014 income taxes"
    for table, rows in parsed.rows.items():
        assert {tuple(row) for row in rows} == {RAW_TABLES[table].column_names}


@pytest.mark.parametrize(
    ("name", "feed_name", "chart", "app_id", "app_name"),
    [
        (
            "appStoreTopFreeAppsMockData.json",
            "topfreeapplications",
            "top_free_overall",
            "310633997",
            "WhatsApp Messenger",
        ),
        (
            "appStoreTopGrossingAppsMockData.json",
            "topgrossingapplications",
            "top_grossing_overall",
            "1289157855",
            "新三國志手機版-光榮正版授權",
        ),
    ],
)
def test_one_app_is_an_object_and_the_title_is_chinese(
    name: str, feed_name: str, chart: str, app_id: str, app_name: str, shared: Path, tmp_path: Path
) -> None:
    request = chart_request(f"https://itunes.apple.com/hk/rss/{feed_name}/limit=1/json", "HK", chart)
    fetched_at = datetime(2018, 1, 10, 4, tzinfo=UTC)
    parsed = SOURCE.read(of_recording(shared, name, tmp_path, request, fetched_at), WATCHLIST)
    assert counted(parsed) == (1, 1, 0)
    entry = entries(parsed)[0]
    assert (entry["rank"], entry["store_app_id"], entry["app_name"]) == (1, app_id, app_name)
    assert entry["store_date"] == date(2018, 1, 10)


def test_a_chinese_title_of_another_chart_is_refused(shared: Path, tmp_path: Path) -> None:
    url = "https://itunes.apple.com/hk/rss/topgrossingapplications/limit=1/json"
    request = chart_request(url, "HK", "top_paid_overall")
    answer = of_recording(
        shared,
        "appStoreTopGrossingAppsMockData.json",
        tmp_path,
        request,
        datetime(2018, 1, 10, 4, tzinfo=UTC),
    )
    assert "App 暢銷排行" in str(refused(SOURCE, answer))


@pytest.mark.parametrize(
    ("fetched_at", "is_fresh"),
    [
        (datetime(2018, 1, 10, 1, 59, 3, tzinfo=UTC), True),
        (datetime(2018, 1, 10, 1, 59, 2, tzinfo=UTC), False),
        (datetime(2018, 1, 11, 14, 59, 3, tzinfo=UTC), True),
        (datetime(2018, 1, 11, 14, 59, 4, tzinfo=UTC), False),
    ],
)
def test_the_time_is_an_instant_at_seven_hours_behind_also_in_winter(
    fetched_at: datetime, is_fresh: bool, shared: Path, tmp_path: Path
) -> None:
    """Updated 2018-01-09T19:59:03-07:00, which is 02:59:03 in UTC: in Pacific time it would be 03:59:03."""
    request = chart_request(
        "https://itunes.apple.com/hk/rss/topfreeapplications/limit=1/json", "HK", "top_free_overall"
    )
    answer = of_recording(shared, "appStoreTopFreeAppsMockData.json", tmp_path, request, fetched_at)
    if is_fresh:
        assert counted(SOURCE.read(answer, WATCHLIST)) == (1, 1, 0)
    else:
        assert refused(SOURCE, answer).is_retriable


# --- quirks ---------------------------------------------------------------------------------------


def test_a_link_is_an_object_or_a_list(tmp_path: Path) -> None:
    document = feed()
    forms = {type(entry["link"]) for entry in document["feed"]["entry"]}
    assert forms == {dict, list}
    for entry in document["feed"]["entry"]:
        del entry["id"]
    parsed = SOURCE.read(as_answer(document, tmp_path), WATCHLIST)
    assert counted(parsed) == (1, len(document["feed"]["entry"]), 0)


def test_a_link_of_another_app_is_a_contradiction(tmp_path: Path) -> None:
    document = feed()
    document["feed"]["entry"][4]["link"] = {
        "attributes": {"href": "https://apps.apple.com/us/app/x/id5?uo=2"}
    }
    parsed = SOURCE.read(as_answer(document, tmp_path), WATCHLIST)
    assert captures(parsed)[0]["depth"] == 4
    assert parsed.broken[0].reason.endswith("and that of the link 5")


@pytest.mark.parametrize(("apps", "is_enough"), [(100, True), (95, True), (94, False), (0, False)])
def test_a_list_may_be_five_apps_short(apps: int, is_enough: bool, tmp_path: Path) -> None:
    entry = feed(OVERALL)["feed"]["entry"]
    document = feed(OVERALL, entry=(entry * 2)[:apps])
    answer = as_answer(document, tmp_path, OVERALL)
    if is_enough:
        parsed = SOURCE.read(answer, WATCHLIST)
        assert counted(parsed) == (1, apps, 0)
        assert captures(parsed)[0]["depth"] == apps
    else:
        error = refused(SOURCE, answer)
        assert error.is_retriable
        assert f"{apps} apps where 100" in str(error)


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_genre_chart_without_an_app_is_a_look_without_a_result(is_missing: bool, tmp_path: Path) -> None:
    document = feed(entry=[])
    if is_missing:
        del document["feed"]["entry"]
    parsed = SOURCE.read(as_answer(document, tmp_path), WATCHLIST)
    assert counted(parsed) == (1, 0, 0)
    assert (captures(parsed)[0]["capture_status"], captures(parsed)[0]["depth"]) == ("failed", None)


def test_titles_name_the_genre(tmp_path: Path) -> None:
    said = {"label": "iTunes Store: Top Free Applications in Finance"}
    assert "in Finance" in str(refused(SOURCE, as_answer(feed(title=said), tmp_path)))
    assert "in Finance" in str(refused(SOURCE, as_answer(feed(OVERALL, title=said), tmp_path, OVERALL)))
    japanese = {"label": "iTunes Store：トップ無料アプリ（ソーシャルネットワーキング）"}
    assert counted(SOURCE.read(as_answer(feed(title=japanese), tmp_path), WATCHLIST))[1] >= 95


def test_apps_of_another_genre_are_another_chart_in_any_language(tmp_path: Path) -> None:
    document = feed(title={"label": "iTunes Store：トップ無料アプリ"})
    for entry in document["feed"]["entry"][:60]:
        entry["category"]["attributes"]["im:id"] = "6015"
    assert "of genre 6005" in str(refused(SOURCE, as_answer(document, tmp_path)))


@pytest.mark.parametrize(
    "url",
    [
        SOCIAL.url.replace("/us/", "/gb/"),
        SOCIAL.url.replace("topfree", "toppaid"),
        SOCIAL.url.replace("6005", "6016"),
        OVERALL.url,
    ],
)
def test_another_list_is_refused_and_asked_again(url: str, tmp_path: Path) -> None:
    assert refused(SOURCE, as_answer(feed(id={"label": url}), tmp_path)).is_retriable


@pytest.mark.parametrize(
    "changes",
    [
        {"updated": {"label": "2025-01-15T00:10:00"}},
        {"updated": {"label": "Wed, 15 Jan 2025 00:10:00 +0000"}},
        {"updated": "2025-01-15T00:10:00-07:00"},
        {"updated": {"label": "0001-01-01T00:00:00+14:00"}},
        {"id": {"label": "https://[/us/rss"}},
        {"id": None},
    ],
)
def test_a_changed_format_is_not_asked_again(changes: dict[str, object], tmp_path: Path) -> None:
    assert not refused(SOURCE, as_answer(feed(SOCIAL, **changes), tmp_path)).is_retriable


def test_an_odd_piece_is_broken_and_no_other(tmp_path: Path) -> None:
    document = feed(OVERALL)
    entry = document["feed"]["entry"]
    entry[9] = None
    entry[19]["im:name"] = {"label": "  "}
    entry[29]["id"]["attributes"]["im:id"] = "six"
    for optional in ("summary", "rights", "im:price", "category"):
        del entry[39][optional]
    parsed = SOURCE.read(as_answer(document, tmp_path, OVERALL), WATCHLIST)
    assert counted(parsed) == (1, len(entry) - 3, 3)
    assert captures(parsed)[0]["depth"] == 9
    assert [odd.position for odd in parsed.broken] == [10, 20, 30]


@pytest.mark.parametrize(
    ("content", "is_retriable"),
    [
        (b" \n", True),
        (b"<!DOCTYPE html><html>Http/1.1 Service Unavailable</html>", True),
        (b"\n\n<?xml version='1.0'?><feed/>", True),
        (upstream.answer(OVERALL)[:-2], True),
        (b'{"rss": {}}', False),
    ],
)
def test_what_is_no_feed_is_refused(content: bytes, is_retriable: bool, tmp_path: Path) -> None:
    assert refused(SOURCE, answer_of(SOCIAL, content, folder=tmp_path)).is_retriable is is_retriable


def test_a_day_ahead_of_midnight_is_fresh(tmp_path: Path) -> None:
    """A list that is made at midnight and asked for before, by a clock that is a little late."""
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    parsed = SOURCE.read(as_answer(feed(), tmp_path, fetched_at=midnight - timedelta(minutes=5)), WATCHLIST)
    assert captures(parsed)[0]["store_date"] == DAY - timedelta(days=1)


@QUICK
@given(content=damaged(upstream.answer(FEW)))
def test_damaged_bytes_are_refused_or_read(content: bytes, tmp_path: Path) -> None:
    accounted(content, tmp_path)


@QUICK
@given(document=altered(json.loads(upstream.answer(FEW), strict=False)))
def test_no_piece_of_an_altered_list_is_lost(document: object, tmp_path: Path) -> None:
    accounted(json.dumps(document).encode(), tmp_path)


def accounted(content: bytes, folder: Path) -> None:
    parsed = read_or_refused(SOURCE, FEW, content, folder)
    if parsed is not None:
        entry = json.loads(content, strict=False)["feed"]["entry"]
        pieces = len(entry) if isinstance(entry, list) else 1
        assert counted(parsed) == (1, pieces - len(parsed.broken), len(parsed.broken))
