"""GDELT's DOC API: searches, articles in tokens, volumes, and the sentences it answers with."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.settings import WATCHLIST
from ingestion.source import Answer, Asking, Kind, Parsed, Request, Window, WrongAnswerError
from ingestion.sources.gdelt_doc import (
    ARTICLES,
    MOST_ARTICLES,
    SOURCE,
    VOLUME,
    query_of,
    seen_at,
    whole_title,
)
from ingestion.sources.gdelt_gkg import SOURCE as BULK
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import Watchlist, parse_watchlist
from tests._support.answers import answer_of
from tests._support.damage import as_bytes, damaged_bytes, odd_documents
from tests._support.upstreams import gdelt_doc as upstream

DAY = date(2025, 1, 13)
NOON = datetime(2025, 1, 20, 12, tzinfo=UTC)


@cache
def watched() -> Watchlist:
    return parse_watchlist(WATCHLIST.read_bytes())


TWO = parse_watchlist(
    b"""
platforms:
  tiktok:
    name: TikTok
    kind: video
    aliases:
      - {alias: TikTok, language: mul, kind: brand}
      - {alias: Tik Tok, language: mul, kind: brand}
      - {alias: Musical.ly, language: mul, kind: brand}
      - {alias: "\xe6\x8a\x96\xe9\x9f\xb3", language: zh, kind: translation}
  x:
    name: X
    kind: social
    aliases: [{alias: X, language: mul, kind: brand, ambiguous: true, context: musk}]
  lemon8:
    name: Lemon8
    kind: photos
    aliases: [{alias: Lemon8, language: mul, kind: brand}]
"""
)


def request(mode: str = ARTICLES, day: date = DAY) -> Request:
    return Request(
        "https://api.gdeltproject.org/api/v2/doc/doc", Kind.JSON, day, {"mode": mode, "platform": "tiktok"}
    )


def read(folder: Path, content: bytes, mode: str = ARTICLES, *, day: date = DAY, status: int = 200) -> Parsed:
    return SOURCE.read(answer_of(request(mode, day), content, folder=folder, status=status), watched())


def timeline(*points: Any) -> dict[str, Any]:
    return {
        "query_details": {"title": "TikTok", "date_resolution": "hour"},
        "timeline": [{"series": "Article Count", "data": list(points)}],
    }


# --- what is asked --------------------------------------------------------------------------------


def asked(watchlist: Watchlist, now: datetime, answering: Any, folder: Path) -> list[list[Request]]:
    questions = SOURCE.ask(Asking(Window(DAY, DAY), watchlist, now))
    rounds: list[list[Request]] = []
    answers: list[Answer | None] | None = None
    try:
        while True:
            rounds.append(list(next(questions) if answers is None else questions.send(answers)))
            bodies = [answering(one) for one in rounds[-1]]
            answers = [
                None if body is None else answer_of(one, body, folder=folder)
                for one, body in zip(rounds[-1], bodies, strict=True)
            ]
    except StopIteration:
        return rounds


def parameters(one: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(one.url).query).items()}


def test_volumes_and_articles_of_each_platform_with_a_sure_name(tmp_path: Path) -> None:
    volumes, articles = asked(TWO, NOON, lambda one: b"{}", tmp_path)
    assert [one.labels["platform"] for one in volumes] == ["tiktok", "lemon8"]
    assert [one.labels["platform"] for one in articles] == ["tiktok", "lemon8"]
    assert volumes[0].url == (
        "https://api.gdeltproject.org/api/v2/doc/doc?query=%28TikTok+OR+%22Tik+Tok%22%29&mode=timelinevolraw"
        "&format=json&startdatetime=20250113000000&enddatetime=20250113235959"
    )
    assert parameters(articles[1]) == {
        "query": "Lemon8",
        "mode": "artlist",
        "format": "json",
        "startdatetime": "20250113000000",
        "enddatetime": "20250113235959",
        "maxrecords": "250",
        "sort": "dateasc",
    }


def test_a_range_with_too_many_articles_is_asked_again_in_halves_without_gap_or_overlap(
    tmp_path: Path,
) -> None:
    def answering(one: Request) -> bytes:
        known = parameters(one)
        hours = int(known["enddatetime"][8:10]) - int(known["startdatetime"][8:10]) + 1
        is_full = one.labels == {"mode": ARTICLES, "platform": "tiktok"} and hours > 6
        return as_bytes({"articles": [{}] * MOST_ARTICLES} if is_full else {})

    _, *rounds = asked(TWO, NOON, answering, tmp_path)
    ranges = [
        [(parameters(o)["startdatetime"][8:], parameters(o)["enddatetime"][8:]) for o in r] for r in rounds
    ]
    assert ranges == [
        [("000000", "235959"), ("000000", "235959")],
        [("000000", "115959"), ("120000", "235959")],
        [("000000", "055959"), ("060000", "115959"), ("120000", "175959"), ("180000", "235959")],
    ]


def test_halving_ends_at_a_batch(tmp_path: Path) -> None:
    full = as_bytes({"articles": [{}] * MOST_ARTICLES})
    only_lemon8 = parse_watchlist(
        b"platforms: {lemon8: {name: L, kind: p, aliases: [{alias: Lemon8, language: mul, kind: brand}]}}"
    )
    _, *rounds = asked(only_lemon8, NOON, lambda one: full, tmp_path)
    lengths = {_moment(one, "enddatetime") - _moment(one, "startdatetime") for one in rounds[-1]}
    assert min(lengths) == timedelta(minutes=15, seconds=-1)
    assert len(rounds) == 8


def _moment(one: Request, name: str) -> datetime:
    stamp = parameters(one)[name]
    moment = seen_at(f"{stamp[:8]}T{stamp[8:]}Z")
    assert moment
    return moment


def test_what_failed_is_not_halved_and_today_ends_now(tmp_path: Path) -> None:
    now = datetime(2025, 1, 13, 9, 30, tzinfo=UTC)
    rounds = asked(TWO, now, lambda one: None, tmp_path)
    assert len(rounds) == 2
    assert parameters(rounds[0][0])["enddatetime"] == "20250113092959"


def test_the_future_is_not_asked(tmp_path: Path) -> None:
    assert asked(TWO, datetime(2025, 1, 12, 9, tzinfo=UTC), lambda one: b"{}", tmp_path) == []


@pytest.mark.parametrize(
    ("names", "query"),
    [
        (["TikTok"], "TikTok"),
        (["TikTok", "tiktok"], "TikTok"),
        (["TikTok", "Tik Tok"], '(TikTok OR "Tik Tok")'),
        (["A B", "XHS", "Musical.ly", "抖音", "Twenty-One Pilots"], None),
        ([], None),
    ],
)
def test_queries_that_gdelt_does_not_refuse(names: list[str], query: str | None) -> None:
    assert query_of(names) == query


def test_it_is_off_by_default_and_the_bulk_files_are_not() -> None:
    assert (SOURCE.is_default, BULK.is_default) == (False, True)
    assert SOURCE.pace.seconds_between > 5
    assert SOURCE.pace.at_once == 1


# --- articles -------------------------------------------------------------------------------------


def test_the_recorded_list(shared: Path, tmp_path: Path) -> None:
    content = (shared / "recordings" / "news" / "gdelt" / "doc_artlist_2026-08-28.json").read_bytes()
    parsed = read(tmp_path, content, day=date(2026, 8, 28))
    articles = parsed.rows["articles"]
    assert (len(articles), len(parsed.broken), parsed.rows["article_mentions"]) == (5, 0, [])
    assert articles[0]["url"] == (
        "https://www.bankingnews.gr/diethni/articles/896164/"
        "swiss-neutrality-referendum-threatens-to-blow-up-russia-sanctions-up-to-20th-package"
    )
    assert articles[1]["article_id"] == only_id(tmp_path, str(articles[1]["url"]).replace(":443", ""))
    assert articles[2] == articles[2] | {
        "outlet": "hindustantimes.com",
        "language": "en",
        "published_date": date(2026, 8, 28),
        "published_precision": "day",
        "title": "US announces new Iran sanctions; Tehran hits back, calls them state terrorism",
        "note": "the day on which GDELT saw it",
    }
    assert str(articles[4]["title"]).startswith(
        "China opposition to illegal unilateral sanctions is consistent and unequivocal: FM"
    )
    assert all(set(row) <= set(RAW_TABLES["articles"].column_names) for row in articles)


def only_id(folder: Path, url: str) -> object:
    (row,) = read(folder, as_bytes({"articles": [{"url": url}]})).rows["articles"]
    return row["article_id"]


def test_the_amp_edition_is_the_same_article(shared: Path, tmp_path: Path) -> None:
    path = shared / "recordings" / "news" / "gdelt" / "doc_artlist_2026-08-28.json"
    twin = json.loads(path.read_bytes())["articles"][3]
    parsed = read(tmp_path, as_bytes({"articles": [twin, {**twin, "url": twin["url_mobile"]}]}))
    assert len(parsed.rows["articles"]) == 1
    assert [piece.reason for piece in parsed.broken] == ["the address is that of an article before"]


def test_mentions_are_those_of_title_and_address(tmp_path: Path) -> None:
    articles = [
        {"url": "https://a.example/1", "title": "TikTok , RedNote and TikTok again", "language": "English"},
        {"url": "https://a.example/why-people-leave-tiktok", "title": "A quiet week", "language": "English"},
        {"url": "https://a.example/3", "title": "小红书 用户", "language": "Chinese"},
        {"url": "https://a.example/4", "title": "Nothing", "language": "Klingon"},
    ]
    parsed = read(tmp_path, as_bytes({"articles": articles}))
    found = [
        (row["platform_id"], row["found_in"], row["mentions"]) for row in parsed.rows["article_mentions"]
    ]
    assert found == [
        ("tiktok", "title", 2),
        ("xiaohongshu", "title", 1),
        ("tiktok", "url", 1),
        ("xiaohongshu", "title", 1),
    ]
    assert [row["language"] for row in parsed.rows["articles"]] == ["en", "en", "zh", "Klingon"]


def test_pieces_that_are_no_article_are_broken(tmp_path: Path) -> None:
    articles = [
        None,
        {"title": "no address"},
        {"url": "ftp://a.example"},
        {"url_mobile": "https://m.a.example/1"},
    ]
    parsed = read(tmp_path, as_bytes({"articles": articles}))
    assert [piece.position for piece in parsed.broken] == [1, 2, 3]
    assert [row["url"] for row in parsed.rows["articles"]] == ["https://m.a.example/1"]


def test_a_day_that_is_none_stays_as_text_for_the_check(tmp_path: Path) -> None:
    (row,) = read(tmp_path, as_bytes({"articles": [{"url": "https://a.example", "seendate": "soon"}]})).rows[
        "articles"
    ]
    assert row["published_date"] == "soon"


@pytest.mark.parametrize(
    ("title", "whole"),
    [
        ("US announces new Iran sanctions ; Tehran hits back , calls them  state terrorism  ",
         "US announces new Iran sanctions; Tehran hits back, calls them state terrorism"),
        ("A ( very ) long day : 3 . 5 percent", "A (very) long day: 3. 5 percent"),
        ("TikTok .io and 5 .5", "TikTok .io and 5 .5"),
        ("", ""),
    ],
)  # fmt: skip
def test_titles_are_put_together(title: str, whole: str) -> None:
    assert whole_title(title) == whole


def test_french_keeps_its_spaces() -> None:
    assert whole_title("Qui est-ce ? Une , deux", "French") == "Qui est-ce ? Une, deux"


# --- volumes --------------------------------------------------------------------------------------


def test_volumes_are_both_counts(tmp_path: Path) -> None:
    content = as_bytes(
        timeline(
            {"date": "20250113T000000Z", "value": 7, "norm": 7257},
            {"date": "20250113T001500Z", "value": 0, "norm": 6000},
            {"date": "20250113T003000Z", "value": 3},
        )
    )
    rows = read(tmp_path, content, VOLUME).rows["news_volume"]
    assert [(row["batch"], row["matching_items"], row["monitored_items"]) for row in rows] == [
        ("20250113000000", 7, 7257), ("20250113001500", 0, 6000), ("20250113003000", 3, None),
    ]  # fmt: skip
    assert {(row["signal"], row["subject_id"], row["news_date"]) for row in rows} == {
        ("gdelt_doc", "tiktok", DAY)
    }


def test_odd_points_are_broken_and_odd_counts_stay(tmp_path: Path) -> None:
    content = as_bytes(
        timeline(
            "odd",
            {"date": "2025-01-13", "value": 1, "norm": 1},
            {"date": "20250114T000000Z", "value": 1, "norm": 1},
            {"date": "20250113T010000Z", "value": "many", "norm": [1]},
        )
    )
    parsed = read(tmp_path, content, VOLUME)
    assert [(piece.position, piece.reason) for piece in parsed.broken] == [
        (1, "the point is no object"),
        (2, "the date is no moment"),
        (3, "the point is not of 2025-01-13, which was asked"),
    ]
    (row,) = parsed.rows["news_volume"]
    assert (row["matching_items"], row["monitored_items"]) == ("many", "[1]")


@pytest.mark.parametrize("mode", [ARTICLES, VOLUME])
def test_an_empty_object_is_no_result(tmp_path: Path, mode: str) -> None:
    parsed = read(tmp_path, b"{}", mode)
    assert not any(parsed.rows.values())
    assert parsed.broken == []


def test_moments() -> None:
    assert seen_at("20250113T001500Z") == datetime(2025, 1, 13, 0, 15, tzinfo=UTC)
    assert seen_at("20250113T250000Z") is seen_at("20250113") is seen_at(None) is None


# --- wrong answers --------------------------------------------------------------------------------


def test_the_recorded_refusals(shared: Path, tmp_path: Path) -> None:
    quirks = json.loads((shared / "recordings" / "news" / "quirks.json").read_bytes())
    bodies = [one["body"] for one in quirks["gdelt_doc_api_error_bodies"] if "status" in one]
    sentences = [
        body for body in bodies if body not in {"{}", "empty body"} and not body.startswith("invalid JSON")
    ]
    assert (len(bodies), len(sentences)) == (8, 5)
    for sentence in sentences:
        with pytest.raises(WrongAnswerError, match="refuses") as wrong:
            read(tmp_path, sentence.encode())
        assert wrong.value.is_retriable == sentence.startswith("Please limit requests")


@pytest.mark.parametrize(
    ("content", "status", "is_retriable"),
    [
        (b"", 200, True),
        (b"  \n", 200, True),
        (b"<!DOCTYPE html><html>Back soon</html>", 200, True),
        (b"Please limit requests to one every 5 seconds", 429, True),
        (b"{}", 500, True),
        (b"{}", 404, False),
        (b'{"articles": [{"url": "https://a.exa', 200, True),
        (b'{"articles": "many"}', 200, False),
        (b"[]", 200, False),
    ],
)
def test_wrong_answers(tmp_path: Path, content: bytes, status: int, is_retriable: bool) -> None:
    with pytest.raises(WrongAnswerError) as wrong:
        read(tmp_path, content, status=status)
    assert wrong.value.is_retriable == is_retriable


@pytest.mark.parametrize("body", [{"odd": 1}, timeline() | {"timeline": [{}, {}]}, {"timeline": [1]}])
def test_a_changed_time_line_is_a_wrong_answer(tmp_path: Path, body: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswerError, match="changed") as wrong:
        read(tmp_path, as_bytes(body), VOLUME)
    assert not wrong.value.is_retriable


def test_escapes_that_json_does_not_know_stand_for_themselves(tmp_path: Path) -> None:
    content = (
        rb'{"articles": [{"url": "https:\/\/a.example\/1", "title": "a \d \u00e9 \\ \u12 '
        + b"\x07"
        + rb'\" b"}]}'
    )
    (row,) = read(tmp_path, content).rows["articles"]
    assert row["url"] == "https://a.example/1"
    assert row["title"] == 'a \\d é \\ \\u12 \x07" b'


DOCUMENTS: dict[str, Any] = {
    ARTICLES: {
        "articles": [{"url": "https://a.example/1", "title": "TikTok", "seendate": "20250113T001500Z"}] * 2
    },
    VOLUME: timeline(
        {"date": "20250113T000000Z", "value": 7, "norm": 7257}, {"date": "20250113T010000Z", "value": 1}
    ),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([ARTICLES, VOLUME]))
def test_odd_documents_lose_no_piece(tmp_path: Path, data: st.DataObject, mode: str) -> None:
    document = data.draw(odd_documents(DOCUMENTS[mode]))
    try:
        parsed = read(tmp_path, as_bytes(document), mode)
    except WrongAnswerError:
        return
    if mode == ARTICLES:
        pieces = len(document.get("articles", []))
    else:
        pieces = sum(len(series["data"]) for series in document["timeline"])
    table = "articles" if mode == ARTICLES else "news_volume"
    assert pieces == len(parsed.rows[table]) + len(parsed.broken)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([ARTICLES, VOLUME]))
def test_damaged_bytes_are_a_wrong_answer_or_read(tmp_path: Path, data: st.DataObject, mode: str) -> None:
    content = data.draw(damaged_bytes(as_bytes(DOCUMENTS[mode])))
    try:
        read(tmp_path, content, mode)
    except WrongAnswerError as wrong:
        assert str(wrong)


# --- the upstream of the tests --------------------------------------------------------------------


def test_the_upstream_of_the_tests_is_read(tmp_path: Path) -> None:
    rounds = asked(TWO, NOON, upstream.answer, tmp_path)
    assert len(rounds) == 2
    volumes = SOURCE.read(answer_of(rounds[0][0], upstream.answer(rounds[0][0]), folder=tmp_path), TWO)
    articles = SOURCE.read(answer_of(rounds[1][0], upstream.answer(rounds[1][0]), folder=tmp_path), TWO)
    assert (len(volumes.rows["news_volume"]), volumes.broken) == (24, [])
    assert {row["platform_id"] for row in articles.rows["article_mentions"]} == {"tiktok"}
    assert len(articles.rows["articles"]) == 12
