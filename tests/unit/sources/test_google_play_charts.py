"""Google Play's charts: no recording exists; the bodies are made from the description of the call."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.source import Answer, Parsed
from ingestion.sources.google_play_charts import SOURCE
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import Watchlist
from tests._support.answers import answer_of
from tests._support.charts import (
    DAY,
    NOON,
    WATCHLIST,
    captures,
    counted,
    entries,
    first_asked,
    read_or_refused,
    refused,
)
from tests._support.mutations import altered, damaged
from tests._support.upstreams import google_play_charts as upstream
from tests._support.upstreams._rankings import pool

US = first_asked(SOURCE)[0]
ITEMS = [upstream.item_of(app) for app in pool("google_play")[:5]]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def as_answer(content: bytes, folder: Path) -> Answer:
    return answer_of(US, content, folder=folder)


def read(content: bytes, folder: Path) -> Parsed:
    return SOURCE.read(as_answer(content, folder), WATCHLIST)


def frame(**changes: object) -> list[Any]:
    """The frame of an answer, with other values by place."""
    values: list[Any] = [
        "wrb.fr",
        "vyAe2",
        json.dumps(upstream.chart_of(list(ITEMS))),
        None,
        None,
        None,
        "generic",
    ]
    for place, value in changes.items():
        values[int(place.removeprefix("at_"))] = value
    return values


def body(*frames: object) -> bytes:
    line = json.dumps(frames)
    return f")]}}'\n\n{len(line)}\n{line}\n".encode()


# --- what is asked --------------------------------------------------------------------------------


def test_every_storefront_is_asked_for_three_charts_200_deep() -> None:
    asked = first_asked(SOURCE)
    assert [request.url for request in asked[::3]] == [
        f"https://play.google.com/_/PlayStoreUi/data/batchexecute?rpcids=vyAe2&rt=c&hl=en&gl={country}"
        for country in ("US", "JP")
    ]
    assert [request.labels["chart"] for request in asked[:3]] == [
        "top_free_overall",
        "top_paid_overall",
        "top_grossing_overall",
    ]
    assert {request.method for request in asked} == {"POST"}
    assert parse_qs(asked[1].body or "")["f.req"] == [
        '[[["vyAe2","[[null,[[null,[null,200]],null,null,[113]],[2,\\"topselling_paid\\",\\"APPLICATION\\"]]]",'
        'null,"generic"]]]'
    ]
    assert first_asked(SOURCE, first=date(2025, 1, 14), last=date(2025, 1, 14)) == []


def test_china_has_no_google_play() -> None:
    china = Watchlist(platforms=WATCHLIST.platforms, storefronts={"CN": "Asia/Shanghai"})
    assert first_asked(SOURCE, watchlist=china) == []


# --- what an answer says --------------------------------------------------------------------------


def test_a_chart(tmp_path: Path) -> None:
    parsed = read(upstream.answer(US), tmp_path)
    assert counted(parsed) == (1, 200, 0)
    capture, first, last = captures(parsed)[0], entries(parsed)[0], entries(parsed)[-1]
    assert capture["capture_id"] == "google_play_charts:US:top_free_overall:20250115T120000Z"
    assert (capture["store"], capture["provider"], capture["depth"]) == ("google_play", "Google", 200)
    assert (capture["captured_at"], capture["store_date"]) == (NOON, DAY)
    assert (first["rank"], last["rank"]) == (1, 200)
    assert first["store"] == "google_play"
    for table, rows in parsed.rows.items():
        assert {tuple(row) for row in rows} == {RAW_TABLES[table].column_names}


def test_an_app_is_its_package(tmp_path: Path) -> None:
    parsed = read(upstream.framed(upstream.chart_of(list(ITEMS))), tmp_path)
    assert [(row["rank"], row["store_app_id"], row["app_name"]) for row in entries(parsed)] == [
        (rank, app.store_app_id, app.name) for rank, app in enumerate(pool("google_play")[:5], start=1)
    ]


def test_the_watched_apps_are_in_it(tmp_path: Path) -> None:
    found = {row["store_app_id"] for row in entries(read(upstream.answer(US), tmp_path))}
    assert found & {"com.zhiliaoapp.musically", "com.xingin.xhs"}


@pytest.mark.parametrize(
    "content",
    [
        body(frame()),
        body(["di", 42], frame(), ["af.httprm", 42, "-5", 4]),
        f")]}}'\n\n{json.dumps([frame()])}".encode(),  # without lengths
        f")]}}'\r\n\r\n77\r\n{json.dumps([['di', 1]])}\r\n99\r\n{json.dumps([frame()])}\r\n".encode(),
        body(["wrb.fr", "qnKhOb", "[]"], frame()),
    ],
)
def test_the_frame_is_found_among_others(content: bytes, tmp_path: Path) -> None:
    assert counted(read(content, tmp_path)) == (1, 5, 0)


def test_a_chart_that_the_store_does_not_have_is_a_look_without_a_result(tmp_path: Path) -> None:
    parsed = read(upstream.framed([[None, None, [2, "topselling_paid", "APPLICATION"]]]), tmp_path)
    assert counted(parsed) == (1, 0, 0)
    assert (captures(parsed)[0]["capture_status"], captures(parsed)[0]["depth"]) == ("failed", None)


def test_an_odd_piece_is_broken_and_no_other(tmp_path: Path) -> None:
    nameless = [[*ITEMS[2][0][:3], None]]  # type: ignore[index]
    packageless = [[["no package"], *ITEMS[4][0][1:]]]  # type: ignore[index]
    odd = [ITEMS[0], ITEMS[1], nameless, "an app", packageless, ITEMS[3]]
    parsed = read(upstream.framed(upstream.chart_of(odd)), tmp_path)
    assert counted(parsed) == (1, 3, 3)
    assert captures(parsed)[0]["depth"] == 2
    assert [(one.position, one.reason) for one in parsed.broken] == [
        (3, "the name is missing or no text"),
        (4, "the package is missing or no text"),
        (5, "'no package' is no name of a package"),
    ]
    assert entries(parsed)[-1]["rank"] == 6


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "is_retriable"),
    [
        (b"", True),
        (b"<!doctype html><html><title>Before you continue</title></html>", True),
        (b")]}'\n\n", True),
        (upstream.answer(US)[:9000], True),
        (b")]}'\n\n\xff\xfe", True),
        (body(["di", 42]), True),
        (body(frame(at_2=None, at_5=[3])), True),
        (body(frame(at_2="[[null,")), True),
        (body(frame(at_2="[[[[")), True),
        (upstream.framed(upstream.chart_of([])), True),
        (upstream.framed([[None, [[None] * 28]]]), False),
        (upstream.framed({"apps": []}), False),
        (upstream.framed(None), False),
    ],
)
def test_what_is_no_chart_is_refused(content: bytes, is_retriable: bool, tmp_path: Path) -> None:
    assert refused(SOURCE, as_answer(content, tmp_path)).is_retriable is is_retriable


def test_an_answer_without_a_chart_repeats_what_google_says(tmp_path: Path) -> None:
    assert "[3]" in str(refused(SOURCE, as_answer(body(frame(at_2=None, at_5=[3])), tmp_path)))


@QUICK
@given(content=damaged(upstream.framed(upstream.chart_of(list(ITEMS)))))
def test_damaged_bytes_are_refused_or_read(content: bytes, tmp_path: Path) -> None:
    read_or_refused(SOURCE, US, content, tmp_path)


@QUICK
@given(chart=altered(upstream.chart_of(list(ITEMS))))
def test_no_piece_of_an_altered_chart_is_lost(chart: Any, tmp_path: Path) -> None:
    parsed = read_or_refused(SOURCE, US, upstream.framed(chart), tmp_path)
    if parsed is not None and captures(parsed)[0]["capture_status"] == "succeeded":
        pieces = len(chart[0][1][0][28][0])
        assert counted(parsed) == (1, pieces - len(parsed.broken), len(parsed.broken))
