"""News feeds: RSS, Atom and JSON Feed, from the list `feeds` of the watchlist.

Free, without a key. A feed shows what is newest when it is asked and knows no past, so it is asked only where
today (UTC) is in the window; asked often, it misses little. feedparser reads RSS and Atom, whatever their
faults; JSON Feed (https://jsonfeed.org/version/1.1) is plain JSON.

What feeds do, and what becomes of it:

- Dates without a zone are in the zone of the outlet where the watchlist names it; else the day is kept, the
  instant is not, and a note says so. Dates that nobody can read are none.
- Malformed XML is read as far as it goes, but not where the end is missing: who knows what else is.
- A document that declares entities is refused, before anything expands them.
- Feeds that gather several outlets (Google News) put the outlet behind the title and into `<source>`; with
  `outlet_in_title` it becomes the outlet. Google allows that feed for personal use alone: none is listed.

A piece is an entry (item). It becomes an article, or a broken piece where it has no address, or one that
another entry of the answer has. The platforms that titles name are rows besides.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import struct_time
from typing import Any

from ingestion.mentions import Matcher
from ingestion.source import (
    MEBIBYTE,
    Answer,
    Asking,
    Broken,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Row,
    Source,
    WrongAnswerError,
)
from ingestion.sources._articles import (
    ANY_HOST,
    ARTICLES,
    MENTIONS,
    Published,
    plain_title,
    published,
    title_mentions,
    unreadable,
)
from ingestion.sources._documents import KEPT, as_json, changed, expect_status, json_object
from ingestion.syndication import article_id
from ingestion.watchlist import Watchlist

JSON_VERSION = "https://jsonfeed.org/version/"
NO_DATE = Published(note="the feed gives no date")

_END = re.compile(rb"</\s*(?:\w+:)?(?:rss|feed|rdf)\s*>?", re.IGNORECASE)
_ENTITY = re.compile(rb"<!\s*ENTITY\b", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """An entry as the feed gives it; `shown` is what quarantine would keep of it."""

    link: str | None
    title: str | None
    outlet: str | None
    published: Published
    shown: str


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """Every feed, if today is asked for."""
    today = asking.now.astimezone(UTC).date()
    if not asking.window.first <= today <= asking.window.last:
        return
    yield [
        Request(
            url=feed.url,
            kind=Kind.FEED,
            day=today,
            labels={
                "feed": feed_id,
                "outlet": feed.outlet,
                "language": feed.language,
                "zone": feed.zone or "",
                "outlet_in_title": "yes" if feed.outlet_in_title else "no",
            },
            max_bytes=8 * MEBIBYTE,
            max_unpacked_bytes=32 * MEBIBYTE,
        )
        for feed_id, feed in asking.watchlist.feeds.items()
    ]


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Articles of a feed, and the platforms that their titles name."""
    labels = answer.request.labels
    matcher = Matcher.from_watchlist(watchlist)
    articles: dict[object, Row] = {}
    mentions: list[Row] = []
    broken: list[Broken] = []
    for position, entry in enumerate(_entries(answer), start=1):
        article = _article(entry, labels)
        if article is None:
            broken.append(Broken(ARTICLES, position, entry.shown, "the entry has no address"))
        elif article["article_id"] in articles:
            broken.append(Broken(ARTICLES, position, entry.shown, "an entry before it has the same address"))
        else:
            articles[article["article_id"]] = article
            mentions += title_mentions(article, matcher)
    return Parsed({ARTICLES: list(articles.values()), MENTIONS: mentions}, broken)


def _article(entry: Entry, labels: Mapping[str, str]) -> Row | None:
    if entry.link is None:
        return None
    title, outlet = entry.title, labels["outlet"]
    if labels["outlet_in_title"] == "yes" and entry.outlet:
        outlet = entry.outlet
        title = title.removesuffix(outlet).rstrip().removesuffix("-").rstrip() if title else None
    return {
        "article_id": article_id(entry.link),
        "url": entry.link,
        "outlet": outlet,
        "language": labels["language"],
        **entry.published.columns,
        "title": title,
        "note": entry.published.note,
    }


def _entries(answer: Answer) -> Iterator[Entry]:
    """The entries of an answer, in whichever of the formats. Raises WrongAnswerError before the first one."""
    upstream = f"The feed {answer.request.labels['feed']}"
    expect_status(answer, upstream)
    zone = answer.request.labels["zone"] or None
    content = answer.content()
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _json_entries(json_object(answer, upstream, strict=False), upstream, zone)
    _refuse_entities(content, upstream)
    return _xml_entries(content, upstream, answer.request.url, zone)


def _link(*given: object) -> str | None:
    """The first of the values that is an address."""
    for value in given:
        if isinstance(value, str) and _ADDRESS.fullmatch(value.strip()):
            return value.strip()
    return None


# --- JSON Feed ------------------------------------------------------------------------------------


def _json_entries(document: Mapping[str, object], upstream: str, zone: str | None) -> Iterator[Entry]:
    if not str(document.get("version")).startswith(JSON_VERSION):
        changed(upstream, "it is JSON, but no JSON Feed")
    items = document.get("items")
    if not isinstance(items, list):
        changed(upstream, "it has no list of items")
    return (_json_entry(item, zone) for item in items)


def _json_entry(item: object, zone: str | None) -> Entry:
    fields: Mapping[str, object] = item if isinstance(item, dict) else {}
    title = fields.get("title")
    return Entry(
        link=_link(fields.get("url"), fields.get("external_url"), fields.get("id")),
        title=plain_title(title) if isinstance(title, str) else None,
        outlet=None,
        published=_json_date(fields, zone),
        shown=as_json(item),
    )


def _json_date(fields: Mapping[str, object], zone: str | None) -> Published:
    for name in ("date_published", "date_modified"):
        written = fields.get(name)
        if isinstance(written, str) and written.strip():
            try:
                moment = datetime.fromisoformat(written.strip())
                if moment.tzinfo is not None:
                    moment = moment.astimezone(UTC).replace(tzinfo=None)
            except (ValueError, OverflowError):
                return unreadable(written)
            return published(written, moment, zone)
    return NO_DATE


# --- RSS and Atom ---------------------------------------------------------------------------------


def _refuse_entities(content: bytes, upstream: str) -> None:
    """Stops at a document that declares entities: a few lines of them unfold to gigabytes."""
    from xml.sax import SAXException
    from xml.sax.handler import ContentHandler

    from defusedxml import DefusedXmlException
    from defusedxml.sax import parseString

    try:
        parseString(content, ContentHandler(), forbid_external=False)  # none is fetched
        declares = False
    except DefusedXmlException:
        declares = True
    except (SAXException, ValueError, LookupError):  # not well-formed, or in an encoding that is none
        declares = _ENTITY.search(content.replace(b"\0", b"")) is not None
    if declares:
        raise WrongAnswerError(f"{upstream} declares entities of its own", is_retriable=False)


def _xml_entries(content: bytes, upstream: str, url: str, zone: str | None) -> Iterator[Entry]:
    import feedparser  # type: ignore[import-untyped]

    # The encoding that a server declares is wrong more often than that of the document.
    headers = {"content-type": "application/xml", "content-location": url}
    try:
        document = feedparser.parse(io.BytesIO(content), response_headers=headers)
    except Exception as problem:  # it forgives nearly everything, and fails at the rest in any way
        kind = type(problem).__name__
        raise WrongAnswerError(f"{upstream} cannot be read ({kind})", is_retriable=True) from problem
    if not document.get("version"):
        raise WrongAnswerError(f"{upstream} is no feed", is_retriable=True)
    if document.get("bozo") and not _END.search(content.replace(b"\0", b"")):
        raise WrongAnswerError(f"{upstream} breaks off before its end", is_retriable=True)
    # As plain dictionaries: those of feedparser answer for one date with the other.
    return (_xml_entry(dict(entry), zone) for entry in document.entries)


def _xml_entry(entry: Mapping[str, Any], zone: str | None) -> Entry:
    details, source = entry.get("title_detail") or {}, entry.get("source") or {}
    return Entry(
        link=_link(entry.get("link"), entry.get("id")),
        title=plain_title(str(entry.get("title") or ""), is_html=details.get("type") != "text/plain"),
        outlet=plain_title(str(source.get("title") or "")),
        published=_xml_date(entry, zone),
        shown=json.dumps(entry, ensure_ascii=False, default=str)[:KEPT],
    )


def _xml_date(entry: Mapping[str, Any], zone: str | None) -> Published:
    for name in ("published", "updated"):
        written = entry.get(name)
        if isinstance(written, str) and written.strip():
            moment = _moment(written, entry.get(f"{name}_parsed"))
            if moment is None:
                return unreadable(written)
            return published(written, moment, zone)
    return NO_DATE


def _moment(written: str, read_as: struct_time | None) -> datetime | None:
    """A date in UTC, or as on the clock where it has no zone. feedparser reads none such of RFC 822."""
    try:
        if read_as is not None:
            return datetime(*read_as[:6])  # noqa: DTZ001 - its zone is judged later
        moment = parsedate_to_datetime(written)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


SOURCE = Source(
    name="feeds",
    group="news",
    description="News feeds (RSS, Atom, JSON Feed) of the outlets on the watchlist.",
    tables=(ARTICLES, MENTIONS),
    hosts=(ANY_HOST,),
    pace=Pace(requests_per_minute=30, at_once=4),
    day_zone="UTC",
    ask=ask,
    read=read,
)
