"""iTunes lookup: recordings, absence as evidence, types, and answers that are none."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.source import Answer, Kind, Parsed, Request, Row
from ingestion.sources.apple_lookup import SOURCE, TABLE
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import App, Platform, Watchlist
from tests._support.answers import answer_of
from tests._support.charts import DAY, WATCHLIST, first_asked, read_or_refused, refused
from tests._support.mutations import altered, damaged
from tests._support.upstreams import apple_lookup as upstream

TIKTOK, REDNOTE = "835599320", "741292507"
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lookup(*ids: str, country: str = "US") -> Request:
    listed = ",".join(ids)
    return Request(
        url=f"https://itunes.apple.com/lookup?id={listed}&country={country.lower()}",
        kind=Kind.JSON,
        day=DAY,
        labels={"country": country, "ids": listed},
    )


BOTH = lookup(REDNOTE, TIKTOK)


def watching(*ids: str) -> Watchlist:
    platforms = {
        f"app_{app_id}": Platform(
            name="An app", kind="app", apps={"app_store": App(status="verified", name="An app", id=app_id)}
        )
        for app_id in ids
    }
    return Watchlist(platforms=platforms)


def listings(parsed: Parsed) -> list[Row]:
    return list(parsed.rows[TABLE])


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(upstream.answer(BOTH))
    return found


def as_answer(found: object, folder: Path, request: Request = BOTH) -> Answer:
    return answer_of(request, json.dumps(found).encode(), folder=folder)


# --- what is asked --------------------------------------------------------------------------------


def test_a_storefront_is_one_address_with_its_ids_in_order() -> None:
    asked = first_asked(SOURCE)
    assert [request.url for request in asked] == [
        f"https://itunes.apple.com/lookup?id={REDNOTE},{TIKTOK}&country={country}" for country in ("us", "jp")
    ]
    assert asked[0].labels == {"country": "US", "ids": f"{REDNOTE},{TIKTOK}"}
    assert first_asked(SOURCE, now=datetime(2025, 1, 16, 0, 5, tzinfo=UTC)) == []


def test_more_ids_than_fit_are_asked_for_in_parts() -> None:
    many = watching(*(str(number) for number in range(1, 251))).model_copy(
        update={"storefronts": {"US": "America/New_York"}}
    )
    asked = [request.labels["ids"].split(",") for request in first_asked(SOURCE, watchlist=many)]
    assert [len(ids) for ids in asked] == [100, 100, 50]
    assert [app_id for ids in asked for app_id in ids] == [str(number) for number in range(1, 251)]


def test_without_an_id_nothing_is_asked() -> None:
    assert first_asked(SOURCE, watchlist=Watchlist(platforms={"x": Platform(name="X", kind="app")})) == []


# --- recordings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "results"),
    [
        ("appStoreAppDetailMockData.json", 1),
        ("bbedit.json", 1),
        ("slack-lookup.json", 1),
        ("slack.json", 39),
        ("things.json", 12),
    ],
)
def test_every_result_of_a_recording_is_a_row(name: str, results: int, shared: Path, tmp_path: Path) -> None:
    content = (shared / "recordings/charts/apple_lookup" / name).read_bytes()
    ids = [str(result["trackId"]) for result in json.loads(content)["results"]]
    parsed = SOURCE.read(answer_of(lookup(*ids), content, folder=tmp_path), watching(*ids))
    assert (len(listings(parsed)), len(parsed.broken)) == (results, 0)
    assert all(row["is_available"] for row in listings(parsed))
    assert {tuple(row) for row in listings(parsed)} == {RAW_TABLES[TABLE].column_names}


def test_a_listing(shared: Path, tmp_path: Path) -> None:
    content = (shared / "recordings/charts/apple_lookup/appStoreAppDetailMockData.json").read_bytes()
    request = lookup("310633997", country="HK")
    fetched_at = datetime(2018, 1, 10, 23, 30, tzinfo=UTC)
    answer = answer_of(request, content, folder=tmp_path, fetched_at=fetched_at)
    assert listings(SOURCE.read(answer, watching("310633997"))) == [
        {
            "store": "app_store",
            "country": "HK",
            "store_app_id": "310633997",
            "listing_date": date(2018, 1, 10),
            "platform_id": "app_310633997",
            "is_available": True,
            "app_name": "WhatsApp Messenger",
            "bundle_id": "net.whatsapp.WhatsApp",
            "developer": "WhatsApp Inc.",
            "genre_id": "6005",
            "genre": "Social Networking",
            "price": 0,
            "currency": "HKD",
            "average_rating": 4,
            "rating_count": 98311,
            "installs_at_least": None,
            "version": "2.18.10",
            "released_at": "2018-01-08T22:10:30Z",
            "source_url": request.url,
        }
    ]


def test_no_ratings_are_none_not_zero(shared: Path, tmp_path: Path) -> None:
    content = (shared / "recordings/charts/apple_lookup/bbedit.json").read_bytes()
    answer = answer_of(lookup("404009241"), content, folder=tmp_path)
    row = listings(SOURCE.read(answer, watching("404009241")))[0]
    assert (row["average_rating"], row["rating_count"], row["price"]) == (None, None, 0.0)


# --- absence --------------------------------------------------------------------------------------


def test_an_id_that_is_left_out_is_not_available(tmp_path: Path) -> None:
    found = document()
    found["results"] = [result for result in found["results"] if str(result["trackId"]) != TIKTOK]
    found["resultCount"] = 1
    rows = listings(SOURCE.read(as_answer(found, tmp_path), WATCHLIST))
    assert [(row["platform_id"], row["is_available"]) for row in rows] == [
        ("xiaohongshu", True),
        ("tiktok", False),
    ]
    absent = {name: value for name, value in rows[1].items() if value is not None}
    assert absent == {
        "store": "app_store",
        "country": "US",
        "store_app_id": TIKTOK,
        "listing_date": DAY,
        "platform_id": "tiktok",
        "is_available": False,
        "source_url": BOTH.url,
    }


def test_nothing_found_is_evidence_for_one_id_and_asked_for_again_for_several(tmp_path: Path) -> None:
    nothing = {"resultCount": 0, "results": []}
    parsed = SOURCE.read(as_answer(nothing, tmp_path, lookup(TIKTOK)), WATCHLIST)
    assert [row["is_available"] for row in listings(parsed)] == [False]
    assert refused(SOURCE, as_answer(nothing, tmp_path)).is_retriable


@pytest.mark.parametrize("odd", [{"trackId": "835599320 "}, {"trackName": "TikTok"}, None, {"trackId": 5}])
def test_beside_a_piece_that_answers_nothing_no_id_is_absent(odd: object, tmp_path: Path) -> None:
    rednote = next(result for result in document()["results"] if str(result["trackId"]) == REDNOTE)
    parsed = SOURCE.read(as_answer({"resultCount": 2, "results": [rednote, odd]}, tmp_path), WATCHLIST)
    assert [(row["store_app_id"], row["is_available"]) for row in listings(parsed)] == [(REDNOTE, True)]
    assert len(parsed.broken) == 1


def test_a_storefront_without_an_app(tmp_path: Path) -> None:
    request = lookup(REDNOTE, TIKTOK, country="CN")
    rows = listings(SOURCE.read(answer_of(request, upstream.answer(request), folder=tmp_path), WATCHLIST))
    assert [row["is_available"] for row in rows] == [True, False]


# --- quirks ---------------------------------------------------------------------------------------


def test_the_body_starts_with_newlines_and_calls_itself_a_script(tmp_path: Path) -> None:
    content = upstream.answer(BOTH)
    assert content.startswith(b"\n\n\n{")
    answer = answer_of(
        BOTH, content, folder=tmp_path, headers={"content-type": "text/javascript; charset=utf-8"}
    )
    assert len(listings(SOURCE.read(answer, WATCHLIST))) == 2


def test_optional_keys_may_be_missing_and_new_ones_come(tmp_path: Path) -> None:
    found = document()
    for result in found["results"]:
        for key in ("sellerUrl", "formattedPrice", "price", "averageUserRating", "version", "kind"):
            result.pop(key, None)
        result["isAIGenerated"] = {"probability": 0.5}
    rows = listings(SOURCE.read(as_answer(found, tmp_path), WATCHLIST))
    assert [(row["price"], row["average_rating"], row["version"]) for row in rows] == [(None, None, None)] * 2


def test_a_value_of_another_type_is_left_as_text_for_the_check(tmp_path: Path) -> None:
    found = document()
    found["results"][0] |= {"userRatingCount": "many", "averageUserRating": [4.5], "price": True}
    row = listings(SOURCE.read(as_answer(found, tmp_path), WATCHLIST))[0]
    assert (row["rating_count"], row["average_rating"], row["price"]) == ("many", "[4.5]", "true")


def test_results_that_answer_nothing_are_broken(tmp_path: Path) -> None:
    found = document()
    stranger = {**found["results"][0], "trackId": 5}
    found["results"] += [stranger, found["results"][0], "an app", {"trackName": "No id"}]
    found["resultCount"] = 6
    parsed = SOURCE.read(as_answer(found, tmp_path), WATCHLIST)
    assert len(listings(parsed)) == 2
    assert [(odd.position, odd.reason) for odd in parsed.broken] == [
        (1, "5 was not asked for"),
        (2, f"{found['results'][0]['trackId']} stands twice"),
        (3, "the id null is not a number"),
        (4, "the id null is not a number"),
    ]


def test_an_app_that_is_no_longer_watched_is_kept_aside(tmp_path: Path) -> None:
    """An old answer, parsed again after the watchlist was edited."""
    parsed = SOURCE.read(answer_of(BOTH, upstream.answer(BOTH), folder=tmp_path), watching(TIKTOK))
    assert [row["store_app_id"] for row in listings(parsed)] == [TIKTOK]
    assert [odd.reason for odd in parsed.broken] == [f"{REDNOTE} is no longer watched"]
    assert '"trackId": 741292507' in parsed.broken[0].text


# --- what is refused ------------------------------------------------------------------------------


def test_fewer_results_than_announced_are_asked_for_again(tmp_path: Path) -> None:
    found = {**document(), "resultCount": 3}
    error = refused(SOURCE, as_answer(found, tmp_path))
    assert (error.is_retriable, "announces 3 results and sends 2" in str(error)) == (True, True)


@pytest.mark.parametrize(
    ("content", "is_retriable"),
    [
        (b"\n\n\n", True),
        (b"\n\n\n<html></html>", True),
        (upstream.answer(BOTH)[:900], True),
        (b'\n\n\n{"errorMessage": "Invalid value(s) for key(s): [country]"}', False),
        (b'\n\n\n{"resultCount": 1, "results": {}}', False),
    ],
)
def test_what_is_no_lookup_is_refused(content: bytes, is_retriable: bool, tmp_path: Path) -> None:
    assert refused(SOURCE, answer_of(BOTH, content, folder=tmp_path)).is_retriable is is_retriable


@QUICK
@given(content=damaged(upstream.answer(BOTH)))
def test_damaged_bytes_are_refused_or_read(content: bytes, tmp_path: Path) -> None:
    accounted(content, tmp_path)


@QUICK
@given(found=altered(json.loads(upstream.answer(BOTH))))
def test_no_piece_of_an_altered_answer_is_lost(found: object, tmp_path: Path) -> None:
    accounted(json.dumps(found).encode(), tmp_path)


def accounted(content: bytes, folder: Path) -> None:
    parsed = read_or_refused(SOURCE, BOTH, content, folder)
    if parsed is not None:
        found = sum(bool(row["is_available"]) for row in listings(parsed))
        assert found + len(parsed.broken) == len(json.loads(content)["results"])
        assert len(listings(parsed)) == (found if parsed.broken else 2)
