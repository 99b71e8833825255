"""News feeds: recordings, dates with and without zones, faults, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.settings import WATCHLIST
from ingestion.source import Asking, Kind, Parsed, Request, Row, Window, WrongAnswerError
from ingestion.sources.feeds import SOURCE
from ingestion.watchlist import parse_watchlist
from tests._support.answers import answer_of
from tests._support.mutations import altered, damaged
from tests._support.upstreams import feeds as upstream

DAY = date(2025, 1, 15)
NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)
WATCHED = parse_watchlist(WATCHLIST.read_bytes())
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def request(url: str = "https://news.example.com/rss.xml", **labels: str) -> Request:
    known = {"feed": "news", "outlet": "News", "language": "en", "zone": "", "outlet_in_title": "no"}
    return Request(url, Kind.FEED, DAY, labels=known | labels)


def read(
    content: bytes, folder: Path, url: str = "https://news.example.com/rss.xml", **labels: str
) -> Parsed:
    return SOURCE.read(answer_of(request(url, **labels), content, folder=folder), WATCHED)


def articles(parsed: Parsed) -> list[Row]:
    return list(parsed.rows["articles"])


def rss(*items: str, head: str = "") -> bytes:
    entries = "".join(f"<item>{item}</item>" for item in items)
    return f'<?xml version="1.0"?>{head}<rss version="2.0"><channel>{entries}</channel></rss>'.encode()


def dated(written: str) -> bytes:
    return rss(f"<title>A</title><link>https://x.example/a</link><pubDate>{written}</pubDate>")


# --- what is asked --------------------------------------------------------------------------------


def test_each_feed_is_asked_today_and_on_no_other_day() -> None:
    today = next(SOURCE.ask(Asking(Window(DAY, DAY), WATCHED, NOON)))
    assert [r.url for r in today] == [feed.url for feed in WATCHED.feeds.values()]
    assert {r.day for r in today} == {DAY}
    assert dict(today[0].labels) == {
        "feed": "techcrunch",
        "outlet": "TechCrunch",
        "language": "en",
        "zone": "America/Los_Angeles",
        "outlet_in_title": "no",
    }
    yesterday = Asking(Window(date(2025, 1, 14), date(2025, 1, 14)), WATCHED, NOON)
    assert list(SOURCE.ask(yesterday)) == []


# --- recordings -----------------------------------------------------------------------------------


def test_the_recorded_json_feed(shared: Path, tmp_path: Path) -> None:
    content = (shared / "recordings" / "news" / "feeds" / "npr_feed.json").read_bytes()
    parsed = read(content, tmp_path, zone="America/New_York")
    rows = articles(parsed)
    assert (len(json.loads(content)["items"]), len(rows), len(parsed.broken)) == (25, 25, 0)
    assert rows[0] == {
        "article_id": "12035ee4d584ac41",
        "url": "https://www.npr.org/2021/10/29/1050315385/keller-rinaudo-how-can-delivery-drones-save-lives"
        "?utm_medium=JSONFeed&utm_campaign=technology",
        "outlet": "News",
        "language": "en",
        "published_date": date(2021, 10, 29),
        "published_at": datetime(2021, 10, 29, 14, 26, tzinfo=UTC),
        "published_precision": "minute",
        "title": "Keller Rinaudo: How can delivery drones save lives?",
        "note": None,
    }
    named = [row["platform_id"] for row in parsed.rows["article_mentions"]]
    assert {name: named.count(name) for name in named} == {"facebook": 6, "tiktok": 2, "youtube": 2}


def test_google_news_gives_its_outlets(shared: Path, tmp_path: Path) -> None:
    content = (shared / "recordings" / "news" / "feeds" / "google_news_search_excerpt.xml").read_bytes()
    rows = articles(read(content, tmp_path, outlet="Google News", outlet_in_title="yes"))
    assert [(row["title"], row["outlet"]) for row in rows] == [
        ("Trump again shrinks two national monuments in Utah", "The Washington Post"),
        (
            "President Trump signs proclamation reducing Bears Ears Monument to 121,100 acres",
            "San Juan Record |",
        ),
    ]
    whole = articles(read(content, tmp_path, outlet="Google News"))
    assert str(whole[0]["title"]).endswith(" - The Washington Post")
    assert not any("google" in feed.url for feed in WATCHED.feeds.values())


MALFORMED: dict[str, int | str] = {
    "aaa_illformed.xml": 0,
    "always_strip_doctype.xml": 0,
    "http_high_bit_date.xml": 0,
    "rdf_channel_empty_textinput.xml": 1,
    "rss_empty_document.xml": "is no feed",
    "rss_incomplete_cdata.xml": "breaks off",
    "rss_item_link_corrupted_ampersands.xml": 1,
    "undeclared_namespace.xml": 0,
}


def test_malformed_feeds_survive_or_are_refused(shared: Path, tmp_path: Path) -> None:
    folder = shared / "recordings" / "news" / "feeds" / "malformed"
    assert {path.name for path in folder.iterdir()} == set(MALFORMED)
    for name, expected in MALFORMED.items():
        content = (folder / name).read_bytes()
        if isinstance(expected, str):
            with pytest.raises(WrongAnswerError, match=expected) as caught:
                read(content, tmp_path)
            assert caught.value.is_retriable
        else:
            parsed = read(content, tmp_path)
            assert (len(articles(parsed)), len(parsed.broken)) == (expected, 0), name


def test_an_address_keeps_its_ampersands(shared: Path, tmp_path: Path) -> None:
    path = shared / "recordings" / "news" / "feeds" / "malformed" / "rss_item_link_corrupted_ampersands.xml"
    (row,) = articles(read(path.read_bytes(), tmp_path))
    assert row["url"] == "http://link/get?a=1&b=2"


def test_the_spanish_dumps_as_the_feeds_that_they_were(shared: Path, tmp_path: Path) -> None:
    """Ten days of three feeds: days are kept, instants are not; one entry stands in its feed twice."""
    entries = rows = broken = 0
    for path in sorted((shared / "recordings" / "news" / "rss_dump_es").glob("*.json")):
        for feed in json.loads(path.read_text(encoding="utf-8"))["feeds"]:
            items = [
                f"<title>{escape(entry['title'])}</title><link>{escape(entry['link'])}</link>"
                f"<pubDate>{entry['published_date']}</pubDate>"
                for entry in feed["entries"]
            ]
            parsed = read(rss(*items), tmp_path, language="es")
            entries += len(items)
            rows += len(articles(parsed))
            broken += len(parsed.broken)
            for row in articles(parsed):
                assert row["published_at"] is None
                assert row["published_precision"] == "day"
                assert "no zone" in str(row["note"])
                assert "\xa0" not in str(row["title"])
    assert (entries, rows, broken) == (610, 609, 1)


# --- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "zone", "day", "at", "precision"),
    [
        ("Tue, 14 Jan 2025 23:30:00 GMT", "", "2025-01-14", "2025-01-14T23:30", "minute"),
        ("Tue, 14 Jan 2025 23:30:00 GMT", "Asia/Shanghai", "2025-01-15", "2025-01-14T23:30", "minute"),
        ("Tue, 14 Jan 2025 23:30:00 -0500", "", "2025-01-14", "2025-01-15T04:30", "minute"),
        ("Tue, 14 Jan 2025 23:30:00 EST", "", "2025-01-14", "2025-01-15T04:30", "minute"),
        ("2025-01-14T23:30:00+01:00", "", "2025-01-14", "2025-01-14T22:30", "minute"),
        ("2025-01-14T23:30:00Z", "America/New_York", "2025-01-14", "2025-01-14T23:30", "minute"),
        ("Tue, 14 Jan 2025 23:30:00", "", "2025-01-14", None, "day"),
        ("Tue, 14 Jan 2025 23:30:00", "Europe/Madrid", "2025-01-14", "2025-01-14T22:30", "minute"),
        ("2025-01-14T23:30:00", "", "2025-01-14", None, "day"),
        ("2025-01-14", "America/New_York", "2025-01-14", None, "day"),
        ("no day at all", "", None, None, "unknown"),
        ("", "", None, None, "unknown"),
    ],
)
def test_dates(
    tmp_path: Path, written: str, zone: str, day: str | None, at: str | None, precision: str
) -> None:
    (row,) = articles(read(dated(written), tmp_path, zone=zone))
    assert row["published_date"] == (date.fromisoformat(day) if day else None)
    assert row["published_at"] == (datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None)
    assert row["published_precision"] == precision
    assert (row["note"] is None) == (at is not None or written == "2025-01-14")


def test_an_entry_that_was_only_changed_has_the_day_of_the_change(tmp_path: Path) -> None:
    content = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A</title>
    <link href="https://x.example/a"/><updated>2025-01-14T10:00:00Z</updated></entry></feed>"""
    (row,) = articles(read(content, tmp_path))
    assert row["published_date"] == date(2025, 1, 14)


# --- entries --------------------------------------------------------------------------------------


def test_titles_are_one_line_of_text(tmp_path: Path) -> None:
    content = rss(
        "<title><![CDATA[  <b>RedNote</b>&nbsp;&amp; \n TikTok&#8217;s fate ]]></title><link>https://x.example/a</link>"
    )
    parsed = read(content, tmp_path)
    assert articles(parsed)[0]["title"] == "RedNote & TikTok’s fate"
    assert [row["platform_id"] for row in parsed.rows["article_mentions"]] == ["tiktok", "xiaohongshu"]


def test_entries_without_an_address_or_with_that_of_another_are_told(tmp_path: Path) -> None:
    content = rss(
        "<title>None</title>",
        "<title>One</title><link>https://x.example/a?utm_source=rss</link>",
        "<title>Again</title><link>https://www.x.example/a</link>",
        "<title>By its name</title><guid>https://x.example/b</guid>",
        "<title>Script</title><link>javascript:alert(1)</link>",
    )
    parsed = read(content, tmp_path)
    assert [row["title"] for row in articles(parsed)] == ["One", "By its name"]
    assert [(b.position, b.reason) for b in parsed.broken] == [
        (1, "the entry has no address"),
        (3, "an entry before it has the same address"),
        (5, "the entry has no address"),
    ]


def test_odd_items_of_json_feeds_are_broken_pieces(tmp_path: Path) -> None:
    items = [None, 5, {}, {"url": 7}, {"id": "https://x.example/a", "title": 3, "date_published": "soon"}]
    content = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()
    parsed = read(content, tmp_path)
    assert (len(articles(parsed)), len(parsed.broken)) == (1, 4)
    assert articles(parsed)[0]["published_precision"] == "unknown"


def test_the_declared_encoding_is_that_of_the_document(tmp_path: Path) -> None:
    text = "<title>El País y TikTok: ¿qué más?</title><link>https://x.example/a</link>"
    content = rss(text).decode().replace('"1.0"?', '"1.0" encoding="iso-8859-1"?').encode("iso-8859-1")
    (row,) = articles(read(content, tmp_path))
    assert row["title"] == "El País y TikTok: ¿qué más?"


# --- what is refused ------------------------------------------------------------------------------


BOMB = '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("head", [BOMB, OUTSIDE], ids=["bomb", "file"])
@pytest.mark.parametrize("form", ["well-formed", "malformed", "utf-16"])
def test_declared_entities_are_refused(tmp_path: Path, head: str, form: str) -> None:
    content = rss("<title>&b;</title><link>https://x.example/a</link>", head=head)
    if form == "malformed":
        content = b"<!-- first -->" + content
    if form == "utf-16":
        content = content.decode().replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16")
    with pytest.raises(WrongAnswerError, match="entities") as caught:
        read(content, tmp_path)
    assert not caught.value.is_retriable


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!doctype html><html><body>Sign in</body></html>", "is no feed"),
        (b"", "is no feed"),
        (b"Too many requests", "is no feed"),
        (b'{"error": "quota"}', "no JSON Feed"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "no list of items"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [', "JSON"),
        (rss("<title>A</title>")[:-20], "breaks off"),
    ],
)
def test_what_is_no_feed_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(WrongAnswerError, match=said):
        read(content, tmp_path)


@QUICK
@given(st.data())
def test_damaged_feeds_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    url = data.draw(st.sampled_from([f"https://x.example/{name}" for name in ("rss", "atom", "a.json")]))
    content = data.draw(damaged(upstream.answer(request(url))))
    try:
        parsed = read(content, tmp_path, url)
    except WrongAnswerError:
        return
    assert len(articles(parsed)) + len(parsed.broken) <= upstream.ENTRIES + 1


@QUICK
@given(st.data())
def test_altered_json_feeds_lose_no_piece(tmp_path: Path, data: st.DataObject) -> None:
    url = "https://x.example/a.json"
    document = data.draw(altered(json.loads(upstream.answer(request(url)))))
    try:
        parsed = read(json.dumps(document).encode(), tmp_path, url)
    except WrongAnswerError:
        return
    assert len(articles(parsed)) + len(parsed.broken) == len(document["items"])
