"""Texts of articles: robots rules, and what is read in a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.settings import WATCHLIST
from ingestion.source import Asking, Kind, Parsed, Request, Window, WrongAnswerError
from ingestion.sources.article_text import NO_TEXT, SOURCE, asking_for, text_of
from ingestion.syndication import article_id
from ingestion.watchlist import Page, parse_watchlist
from tests._support.answers import answer_of
from tests._support.mutations import damaged
from tests._support.upstreams import article_text as upstream

DAY = date(2025, 1, 15)
NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)
WATCHED = parse_watchlist(WATCHLIST.read_bytes())
URL = "https://www.example.com/2025/cats"
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def asked(pages: list[Page], rules: Mapping[str, tuple[int, bytes] | None], folder: Path) -> list[str]:
    """The addresses of pages that are asked for where sites have these rules: status and text."""
    asking = Asking(Window(DAY, DAY), WATCHED, NOON)
    questions = replace(SOURCE, ask=asking_for(pages)).ask(asking)
    robots = next(questions)
    answers = [
        None if rule is None else answer_of(request, rule[1], folder=folder, status=rule[0])
        for request in robots
        for rule in [rules[request.url]]
    ]
    try:
        return [request.url for request in questions.send(answers)]
    except StopIteration:
        return []


def pages(*urls: str) -> list[Page]:
    return [Page(url=url) for url in urls]


def page(url: str = URL, known: str = "no") -> Request:
    labels = {"page": "article", "article_id": article_id(url), "is_known": known, "language": "en"}
    return Request(url, Kind.HTML, DAY, labels=labels)


def read(content: bytes, folder: Path, request: Request | None = None) -> Parsed:
    return SOURCE.read(answer_of(request or page(), content, folder=folder), WATCHED)


def test_it_is_asked_on_demand_alone() -> None:
    assert not SOURCE.is_default
    empty = WATCHED.model_copy(update={"articles": []})
    assert list(SOURCE.ask(Asking(Window(DAY, DAY), empty, NOON))) == []


def test_the_pages_of_the_watchlist_are_asked_after_their_rules(tmp_path: Path) -> None:
    questions = SOURCE.ask(Asking(Window(DAY, DAY), WATCHED, NOON))
    robots = next(questions)
    assert [r.url for r in robots] == [
        "https://www.hindustantimes.com/robots.txt",
        "https://www.fastcompany.com/robots.txt",
        "https://listindiario.com/robots.txt",
    ]
    assert all(r.missing_is_answer for r in robots)
    found = questions.send([answer_of(r, b"", folder=tmp_path) for r in robots])
    assert [r.labels["article_id"] for r in found] == ["A022", "A034", "A021"]
    assert {r.day for r in found} == {DAY}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ((200, b"User-agent: *\nDisallow: /private"), ["/a", "/b"]),
        ((200, b"User-agent: *\nDisallow: /"), []),
        (
            (200, b"User-agent: *\nDisallow: /\n\nUser-agent: migrationobservatory\nDisallow: /a"),
            ["/b", "/private"],
        ),
        ((200, b""), ["/a", "/b", "/private"]),
        ((404, b"Not Found"), ["/a", "/b", "/private"]),
        (None, []),
        ((200, b"User-agent: *\nCrawl-delay: 1"), ["/a", "/b", "/private"]),
        ((200, b"User-agent: *\nCrawl-delay: 30"), ["/a"]),
        ((200, b"\xff\xfe\x00 <html>"), ["/a", "/b", "/private"]),
    ],
    ids=["some", "all", "us", "empty", "none", "unreachable", "short delay", "long delay", "rubbish"],
)
def test_robots_rules_are_obeyed(tmp_path: Path, rule: tuple[int, bytes] | None, expected: list[str]) -> None:
    site = "https://www.example.com"
    wanted = pages(*(f"{site}{path}" for path in ("/a", "/b", "/private")))
    assert asked(wanted, {f"{site}/robots.txt": rule}, tmp_path) == [f"{site}{path}" for path in expected]


def test_each_site_has_its_own_rules(tmp_path: Path) -> None:
    rules = {
        "https://one.example/robots.txt": (200, b"User-agent: *\nDisallow: /"),
        "https://two.example/robots.txt": (404, b""),
    }
    wanted = pages("https://one.example/a", "https://two.example/a")
    assert asked(wanted, rules, tmp_path) == ["https://two.example/a"]


def test_a_text_is_read_without_menus(tmp_path: Path) -> None:
    content = upstream.answer(page())
    found = text_of(answer_of(page(), content, folder=tmp_path))
    assert found is not None
    assert "Duolingo said" in found.text
    assert "Follow us" not in found.text
    parsed = read(content, tmp_path)
    mentions = {row["platform_id"]: row for row in parsed.rows["article_mentions"]}
    assert {name: row["mentions"] for name, row in mentions.items()} == {
        "tiktok": 2,
        "xiaohongshu": 2,
        "lemon8": 1,
        "duolingo": 1,
    }
    assert {row["found_in"] for row in mentions.values()} == {"text"}
    assert list(parsed.rows["articles"]) == [
        {
            "article_id": article_id(URL),
            "url": URL,
            "outlet": "www.example.com",
            "language": "en",
            "published_date": DAY,
            "published_precision": "day",
            "title": "Cats and courts",
        }
    ]


def test_an_article_that_is_known_has_no_second_row(tmp_path: Path) -> None:
    parsed = read(upstream.answer(page()), tmp_path, page(known="yes"))
    assert set(parsed.rows) == {"article_mentions"}


@pytest.mark.parametrize(
    "content", [b"", b"<html><body></body></html>", b"\x00\xff\xfe", b"<html><script>x()</script>"]
)
def test_a_page_without_a_text_is_a_broken_piece(tmp_path: Path, content: bytes) -> None:
    parsed = read(content, tmp_path)
    assert [(piece.table, piece.reason) for piece in parsed.broken] == [("article_mentions", NO_TEXT)]
    assert not parsed.rows


def test_rules_of_robots_are_no_rows(tmp_path: Path) -> None:
    request = Request("https://www.example.com/robots.txt", Kind.TEXT, DAY, labels={"page": "robots"})
    assert read(upstream.ROBOTS, tmp_path, request) == Parsed({})


def test_an_error_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongAnswerError, match="503"):
        SOURCE.read(answer_of(page(), b"<html>", folder=tmp_path, status=503), WATCHED)


@QUICK
@given(st.data())
def test_damaged_pages_are_read_or_broken(tmp_path: Path, data: st.DataObject) -> None:
    parsed = read(data.draw(damaged(upstream.answer(page()))), tmp_path)
    assert len(parsed.rows.get("articles", ())) + len(parsed.broken) == 1
