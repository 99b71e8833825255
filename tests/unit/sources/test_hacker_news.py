"""Hacker News: what is searched for, pages, text posts, and odd hits."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.settings import WATCHLIST
from ingestion.source import Answer, Asking, Parsed, Request, Window, WrongAnswerError
from ingestion.sources.hacker_news import HITS_PER_PAGE, NO_PLATFORM, SOURCE, names, page_request
from ingestion.watchlist import Platform, Watchlist, parse_watchlist
from tests._support.answers import answer_of
from tests._support.mutations import altered, damaged
from tests._support.upstreams import hacker_news as upstream

DAY = date(2025, 1, 15)
NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)
WATCHED = parse_watchlist(WATCHLIST.read_bytes())
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

HIT = {
    "objectID": "42668910",
    "title": "RedNote &amp; the TikTok refugees",
    "url": "https://www.techcrunch.com/2025/01/14/a/?utm_source=x",
    "created_at": "2025-01-14T23:59:30Z",
    "created_at_i": 1736899170,
    "points": 12,
}


def watching(*platform_ids: str) -> Watchlist:
    platforms: dict[str, Platform] = {name: WATCHED.platforms[name] for name in platform_ids}
    return WATCHED.model_copy(update={"platforms": platforms})


def read(content: bytes, folder: Path) -> Parsed:
    return SOURCE.read(answer_of(page_request("RedNote", DAY, 0), content, folder=folder), WATCHED)


def hits(*found: object) -> bytes:
    return json.dumps({"hits": list(found), "page": 0, "nbPages": 1}).encode()


def test_a_name_and_a_day_is_a_request() -> None:
    request = page_request("Blue Sky", DAY, 2)
    assert request.day == DAY
    assert request.url == (
        "https://hn.algolia.com/api/v1/search_by_date?query=%22Blue+Sky%22&tags=story"
        "&restrictSearchableAttributes=title"
        "&numericFilters=created_at_i%3E%3D1736899200%2Ccreated_at_i%3C1736985600&hitsPerPage=100&page=2"
    )


def test_names_are_brands_in_latin_letters_and_each_is_asked_once() -> None:
    asked = names(WATCHED)
    assert len(asked) == len(set(asked))
    assert {"TikTok", "RedNote", "Xiaohongshu", "Lemon8", "Threads", "Twitter"} <= set(asked)
    assert not {"X", "XHS", "RED", "Tik Tok", "Red Note", "Bluesky Social", "小红书"} & set(asked)
    assert names(watching("tiktok")) == ["TikTok"]


def ask(watchlist: Watchlist, folder: Path, first: date = DAY, last: date = DAY) -> list[list[Request]]:
    """The lists of requests, each answered as the upstream does."""
    questions = SOURCE.ask(Asking(Window(first, last), watchlist, NOON))
    asked: list[list[Request]] = []
    answers: list[Answer | None] | None = None
    while True:
        try:
            batch = list(next(questions) if answers is None else questions.send(answers))
        except StopIteration:
            return asked
        asked.append(batch)
        answers = [answer_of(request, upstream.answer(request), folder=folder) for request in batch]


def test_all_pages_are_asked_for_the_last_short_one_too(tmp_path: Path) -> None:
    first, others = ask(watching("tiktok"), tmp_path)
    assert [parse_qs(urlsplit(r.url).query)["page"] for r in [*first, *others]] == [["0"], ["1"], ["2"]]
    counts = []
    for request in [*first, *others]:
        parsed = SOURCE.read(answer_of(request, upstream.answer(request), folder=tmp_path), WATCHED)
        counts.append(len(parsed.rows["articles"]))
    assert counts == [HITS_PER_PAGE, HITS_PER_PAGE, 7]


def test_each_day_of_the_window_is_asked(tmp_path: Path) -> None:
    (first,) = ask(watching("lemon8", "x").model_copy(), tmp_path, date(2025, 1, 14), DAY)[:1]
    assert [(r.labels["name"], r.day.day) for r in first] == [
        ("Lemon8", 14),
        ("X Corp", 14),
        ("Twitter", 14),
        ("Lemon8", 15),
        ("X Corp", 15),
        ("Twitter", 15),
    ]


def test_an_unreadable_first_page_leads_nowhere(tmp_path: Path) -> None:
    questions = SOURCE.ask(Asking(Window(DAY, DAY), watching("tiktok"), NOON))
    (request,) = next(questions)
    with pytest.raises(StopIteration):
        questions.send([answer_of(request, b"<html>", folder=tmp_path)])


def test_a_story_is_a_row(tmp_path: Path) -> None:
    parsed = read(hits(HIT), tmp_path)
    assert list(parsed.rows["articles"]) == [
        {
            "article_id": "hn_42668910",
            "url": "https://www.techcrunch.com/2025/01/14/a/?utm_source=x",
            "outlet": "Hacker News",
            "language": "en",
            "published_date": date(2025, 1, 14),
            "published_at": datetime(2025, 1, 14, 23, 59, 30, tzinfo=UTC),
            "published_precision": "minute",
            "title": "RedNote & the TikTok refugees",
            "relation": "link",
            "origin": "techcrunch.com",
        }
    ]
    assert [row["platform_id"] for row in parsed.rows["article_mentions"]] == ["tiktok", "xiaohongshu"]


def test_a_text_post_is_where_it_is_discussed(tmp_path: Path) -> None:
    (row,) = read(hits({**HIT, "url": None}), tmp_path).rows["articles"]
    assert row["url"] == "https://news.ycombinator.com/item?id=42668910"
    assert (row["relation"], row["origin"]) == ("text_post", None)


def test_a_story_that_names_no_platform_says_so(tmp_path: Path) -> None:
    parsed = read(hits({**HIT, "title": "Flipping bits"}), tmp_path)
    assert [row["note"] for row in parsed.rows["articles"]] == [NO_PLATFORM]
    assert list(parsed.rows["article_mentions"]) == []


def test_odd_hits_are_broken_pieces(tmp_path: Path) -> None:
    parsed = read(
        hits(None, {}, {**HIT, "objectID": 7}, {**HIT, "created_at": "soon", "title": None}), tmp_path
    )
    assert [piece.reason for piece in parsed.broken] == [
        "the hit is no object",
        "the hit has no number",
        "the hit has no number",
    ]
    (row,) = parsed.rows["articles"]
    assert (row["published_date"], row["published_at"], row["title"]) == ("soon", None, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{}", "no list of hits"), (b"<html>", "web page"), (b'{"hits": [', "truncated"), (b"", "empty")],
)
def test_wrong_answers(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(WrongAnswerError, match=said):
        read(content, tmp_path)


@QUICK
@given(st.data())
def test_hostile_answers_lose_no_hit(tmp_path: Path, data: st.DataObject) -> None:
    content = upstream.answer(page_request("Lemon8", DAY, 2))
    document = data.draw(altered(json.loads(content)))
    for hostile in (data.draw(damaged(content)), json.dumps(document).encode()):
        try:
            parsed = read(hostile, tmp_path)
        except WrongAnswerError:
            continue
        found = json.loads(hostile)["hits"]
        assert len(parsed.rows["articles"]) + len(parsed.broken) == len(found)
