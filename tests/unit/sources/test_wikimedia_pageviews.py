"""Wikimedia page views: articles and top lists, what is asked, and what a missing figure means."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.settings import CASES, WATCHLIST
from ingestion.source import Answer, Asking, Kind, Parsed, Request, Row, Window, WrongAnswerError
from ingestion.sources.wikimedia_pageviews import ARTICLE, SOURCE, TABLE, TOP
from ingestion.watchlist import Platform, Watchlist, WikipediaTitle, parse_watchlist
from tests._support.answers import answer_of
from tests._support.damage import as_bytes, damaged_bytes, odd_documents
from tests._support.upstreams import wikimedia_pageviews as upstream

DAY = date
BAN = DAY(2025, 1, 19)
BASE = "https://wikimedia.org/api/rest_v1/metrics/pageviews"
WATCHED = parse_watchlist(WATCHLIST.read_bytes())
TITLES = [
    (kind, name, page.title)
    for kind, subjects in (("platform", WATCHED.platforms), ("company", WATCHED.companies))
    for name, subject in subjects.items()
    for page in subject.wikipedia
]

ITEM = {
    "project": "en.wikipedia", "article": "TikTok", "granularity": "daily", "timestamp": "2025011900",
    "access": "all-access", "agent": "user", "views": 386507,
}  # fmt: skip
ARTICLE_ANSWER = {"items": [ITEM]}
LIST_ANSWER = {
    "items": [
        {
            "project": "en.wikipedia", "access": "all-access", "year": "2025", "month": "01", "day": "19",
            "articles": [
                {"article": "Main_Page", "views": 5_000_000, "rank": 1},
                {"article": "TikTok", "views": 386_507, "rank": 2},
                {"article": ".xxx", "views": 49_987, "rank": 3},
            ],
        }
    ]
}  # fmt: skip


def article_request(title: str = "TikTok", project: str = "en.wikipedia") -> Request:
    labels = {"signal": ARTICLE, "subject_type": "platform", "subject_id": "tiktok"}
    labels |= {"project": project, "title": title}
    return Request(f"{BASE}/per-article", Kind.JSON, BAN, labels)


def list_request() -> Request:
    labels = {"signal": TOP, "project": "en.wikipedia"}
    return Request(f"{BASE}/top", Kind.JSON, BAN, labels)


def read(content: bytes, folder: Path, request: Request, status: int = 200) -> Parsed:
    return SOURCE.read(answer_of(request, content, folder=folder, status=status), WATCHED)


# --- an article -----------------------------------------------------------------------------------


def test_a_days_views_are_a_row(tmp_path: Path) -> None:
    parsed = read(as_bytes(ARTICLE_ANSWER), tmp_path, article_request())
    assert parsed.rows[TABLE] == [
        {
            "signal": "wikipedia_pageviews",
            "subject_type": "platform",
            "subject_id": "tiktok",
            "item": "TikTok",
            "attention_date": "2025-01-19",
            "day_zone": "UTC",
            "value": 386507,
            "unit": "views",
            "value_status": "observed",
            "captures": 1,
            "captures_expected": 1,
            "source_url": f"{BASE}/per-article",
        }
    ]
    assert not parsed.broken


def test_a_missing_figure_is_no_row_and_not_a_zero(tmp_path: Path) -> None:
    assert read(b'{"items": []}', tmp_path, article_request()) == Parsed({TABLE: []}, [])
    assert read(b'{"items": []}', tmp_path, list_request()) == Parsed({TABLE: []}, [])


def test_titles_of_other_editions_are_items_of_their_own(tmp_path: Path) -> None:
    answer = {"items": [{**ITEM, "project": "es.wikipedia"}]}
    (row,) = read(as_bytes(answer), tmp_path, article_request(project="es.wikipedia")).rows[TABLE]
    assert row["item"] == "es.wikipedia:TikTok"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"article": "Tiktok"}, "article is not TikTok"),
        ({"agent": "all-agents"}, "agent is not user"),
        ({"granularity": "monthly"}, "granularity is not daily"),
        ({"views": None}, "there is no number of views"),
    ],
)
def test_figures_of_something_else_are_kept_aside(
    change: dict[str, object], reason: str, tmp_path: Path
) -> None:
    answer = {"items": ["odd", {**ITEM, **change}, ITEM]}
    parsed = read(as_bytes(answer), tmp_path, article_request())
    assert [(piece.position, piece.reason) for piece in parsed.broken] == [
        (1, "the item is no object"),
        (2, reason),
    ]
    assert len(parsed.rows[TABLE]) == 1


def test_values_of_another_type_are_left_to_the_check(tmp_path: Path) -> None:
    answer = {"items": [{**ITEM, "timestamp": "yesterday", "views": "many"}]}
    (row,) = read(as_bytes(answer), tmp_path, article_request()).rows[TABLE]
    assert (row["attention_date"], row["value"]) == ("yesterday", "many")


# --- a top list -----------------------------------------------------------------------------------


def recorded_list(shared: Path) -> bytes:
    """The recorded day, 100 titles, in the form in which Wikimedia sends it."""
    path = shared / "recordings" / "attention" / "full_day_2025-01-19.csv"
    with path.open(newline="") as file:
        articles = [
            {"article": row["article"], "views": int(row["views"]), "rank": int(row["rank"])}
            for row in csv.DictReader(file)
        ]
    document = {"year": "2025", "month": "01", "day": "19", "articles": articles}
    return as_bytes({"items": [document]})


def test_the_recorded_list_says_what_the_case_says_of_the_day(shared: Path, tmp_path: Path) -> None:
    parsed = read(recorded_list(shared), tmp_path, list_request())
    assert not parsed.broken
    rows = {(row["subject_type"], row["subject_id"], row["item"]): row for row in parsed.rows[TABLE]}
    assert set(rows) == set(TITLES)
    with (CASES / "january_2025" / "attention.csv").open(newline="") as file:
        case = [
            row
            for row in csv.DictReader(file)
            if row["signal"] == ARTICLE and row["attention_date"] == BAN.isoformat()
        ]
    assert len(case) == 15
    for told in case:
        row = rows[told["subject_type"], told["subject_id"], told["item"]]
        assert row["signal"] == TOP
        for name in ("value_status", "value", "cutoff_value", "best_rank", "unit", "day_zone", "captures"):
            assert str(row.get(name, "")) == told[name], (told["item"], name)
    assert rows["platform", "tiktok", "TikTok"]["monitored_total"] == sum(
        place["views"] for place in json.loads(recorded_list(shared))["items"][0]["articles"]
    )


def test_what_is_not_on_a_whole_list_is_below_its_cut_off(tmp_path: Path) -> None:
    rows = {row["item"]: row for row in read(as_bytes(LIST_ANSWER), tmp_path, list_request()).rows[TABLE]}
    assert len(rows) == len(TITLES)
    tiktok, lemon8 = rows["TikTok"], rows["Lemon8"]
    assert (tiktok["value"], tiktok["best_rank"], tiktok["value_status"]) == (386_507, 2, "observed")
    assert (tiktok["monitored_total"], tiktok["monitored_distinct_items"]) == (5_436_494, 3)
    assert (lemon8["value_status"], lemon8["cutoff_value"], "value" in lemon8) == (
        "below_cutoff",
        49_987,
        False,
    )


def test_absence_from_a_list_with_a_hole_says_nothing(tmp_path: Path) -> None:
    answer: dict[str, Any] = json.loads(as_bytes(LIST_ANSWER))
    answer["items"][0]["articles"][2]["views"] = "many"
    answer["items"][0]["articles"].append(None)
    parsed = read(as_bytes(answer), tmp_path, list_request())
    assert [piece.position for piece in parsed.broken] == [3, 4]
    assert [(row["item"], row["value"]) for row in parsed.rows[TABLE]] == [("TikTok", 386_507)]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "status", "said", "is_retriable"),
    [
        (b"Too many requests", 429, "status 429", True),
        (b"Set a User-Agent", 403, "status 403", False),
        (b"Too many requests", 200, "no JSON", True),
        (b"<html>", 200, "a web page in place of JSON", True),
        (as_bytes(LIST_ANSWER)[:-30], 200, "truncated or malformed JSON", True),
        (b'{"items": {}}', 200, "without a list `items`", False),
        (b'{"items": [{}]}', 200, "without `articles`", False),
        (as_bytes(LIST_ANSWER).replace(b'"19"', b'"18"'), 200, "01-18 where 2025-01-19 was asked", False),
    ],
)  # fmt: skip
def test_wrong_answers_are_refused_with_a_sentence(
    content: bytes, status: int, said: str, is_retriable: bool, tmp_path: Path
) -> None:
    with pytest.raises(WrongAnswerError, match=said) as refused:
        read(content, tmp_path, list_request(), status)
    assert refused.value.is_retriable is is_retriable


# --- what is asked --------------------------------------------------------------------------------


def asked(watchlist: Watchlist, window: Window, now: datetime) -> list[Request]:
    (requests,) = list(SOURCE.ask(Asking(window, watchlist, now)))
    return list(requests)


def watching(*titles: tuple[str, str]) -> Watchlist:
    pages = [WikipediaTitle(title=title, primary=False, project=project) for title, project in titles]
    return Watchlist(platforms={"tiktok": Platform(name="TikTok", kind="short_video", wikipedia=pages)})


def test_titles_are_asked_by_day_with_every_character_escaped() -> None:
    watchlist = watching(
        ("Donald_Trump–TikTok_controversy", "en.wikipedia"),
        ("AC/DC", "en.wikipedia"),
        ("D'Amelio,_Charli", "en.wikipedia"),
        ("小红书", "zh.wikipedia"),
    )
    requests = asked(watchlist, Window(BAN, BAN), datetime(2025, 1, 21, tzinfo=UTC))
    assert [request.url.removeprefix(BASE) for request in requests] == [
        "/top/en.wikipedia/all-access/2025/01/19",
        "/top/zh.wikipedia/all-access/2025/01/19",
        "/per-article/en.wikipedia/all-access/user/Donald_Trump%E2%80%93TikTok_controversy/daily/20250119/20250119",
        "/per-article/en.wikipedia/all-access/user/AC%2FDC/daily/20250119/20250119",
        "/per-article/en.wikipedia/all-access/user/D%27Amelio%2C_Charli/daily/20250119/20250119",
        "/per-article/zh.wikipedia/all-access/user/%E5%B0%8F%E7%BA%A2%E4%B9%A6/daily/20250119/20250119",
    ]
    assert {request.day for request in requests} == {BAN}
    assert not any(request.missing_is_answer for request in requests)


def test_days_that_are_not_over_or_before_the_first_are_not_asked() -> None:
    watchlist = watching(("TikTok", "en.wikipedia"))
    now = datetime(2025, 1, 21, 0, 30, tzinfo=UTC)
    days = {request.day for request in asked(watchlist, Window(DAY(2025, 1, 19), DAY(2025, 1, 22)), now)}
    assert days == {DAY(2025, 1, 19), DAY(2025, 1, 20)}
    assert not asked(watchlist, Window(DAY(2015, 6, 29), DAY(2015, 6, 30)), now)


def test_what_the_loopback_upstream_answers_is_read_without_a_broken_piece(tmp_path: Path) -> None:
    requests = asked(WATCHED, Window(BAN, BAN), datetime(2025, 1, 21, tzinfo=UTC))
    rows: list[Row] = []
    for request in requests:
        parsed = read(upstream.answer(request), tmp_path, request)
        assert not parsed.broken
        rows += parsed.rows[TABLE]
    key = ("signal", "subject_type", "subject_id", "item", "attention_date")
    assert len({tuple(str(row[name]) for name in key) for row in rows}) == len(rows) == 2 * len(TITLES)
    views = {(row["signal"], row["item"]): row for row in rows if row["value_status"] == "observed"}
    assert views[TOP, "TikTok"]["value"] == views[ARTICLE, "TikTok"]["value"]


# --- hostile input --------------------------------------------------------------------------------


def held(answer: Answer) -> Parsed | None:
    """What is read, of which every value can be stored; None where the answer is refused."""
    try:
        parsed = SOURCE.read(answer, WATCHED)
    except WrongAnswerError:
        return None
    for row in parsed.rows[TABLE]:
        "".join(map(str, row.values())).encode()
    return parsed


@given(document=odd_documents(ARTICLE_ANSWER))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_odd_value_loses_a_figure(document: Any, tmp_path: Path) -> None:
    parsed = held(answer_of(article_request(), as_bytes(document), folder=tmp_path))
    if parsed is not None:
        assert len(parsed.rows[TABLE]) + len(parsed.broken) == len(document["items"])


def is_listed(places: list[Any]) -> bool:
    """Whether the one watched title of the list can still be read."""
    tiktok = [place for place in places if isinstance(place, dict) and place.get("article") == "TikTok"]
    return any(type(place.get("views")) is int and place["views"] >= 0 for place in tiktok)


@given(document=odd_documents(LIST_ANSWER))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_odd_value_loses_a_title(document: Any, tmp_path: Path) -> None:
    parsed = held(answer_of(list_request(), as_bytes(document), folder=tmp_path))
    if parsed is not None:
        told = document["items"][0]["articles"] if document["items"] else []
        assert len(parsed.broken) in (0, 1)
        assert len(parsed.rows[TABLE]) == (len(TITLES) if told and not parsed.broken else is_listed(told))
        assert {row["monitored_distinct_items"] for row in parsed.rows[TABLE]} <= {
            len(told) - len(parsed.broken)
        }


@given(content=damaged_bytes(as_bytes(LIST_ANSWER)) | damaged_bytes(as_bytes(ARTICLE_ANSWER)))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_gets_further_than_a_refusal(content: bytes, tmp_path: Path) -> None:
    held(answer_of(list_request(), content, folder=tmp_path))
    held(answer_of(article_request(), content, folder=tmp_path))
