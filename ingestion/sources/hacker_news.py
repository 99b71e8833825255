"""Hacker News (Y Combinator's, not thehackernews.com): stories that the search finds by a platform's name.

Free, without a key, run by Algolia; https://hn.algolia.com/api. 10,000 requests an hour. One query per name
and day (UTC), in titles alone; pages of at most 100 hits, the last one shorter, 1,000 hits in all. The search
knows typing errors and word beginnings, so that some hits name no platform: they are kept, with a note.

A row is a story on Hacker News, not the page that it links to: `published_at` is when it was submitted, and
`origin` the host of that page. Text posts link to nothing (`url` is null): they are at news.ycombinator.com.
Points and comments grow after the day and are not kept.

A piece is a hit. A story that two queries find is in two answers, and one row of the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

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
from ingestion.sources._articles import ARTICLES, MENTIONS, plain_title, title_mentions
from ingestion.sources._documents import as_json, changed, expect_status, json_object, plain
from ingestion.syndication import host_of
from ingestion.watchlist import Platform, Watchlist

UPSTREAM = "The search of Hacker News"
HOST = "hn.algolia.com"
OUTLET = "Hacker News"
ITEM = "https://news.ycombinator.com/item?id="
HITS_PER_PAGE = 100
MAX_PAGES = 10
SHORTEST_NAME = 3
NO_PLATFORM = "the search found it; its title names no platform"


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """Each name on each day: the first page, then the others that it announces."""
    first_pages = [
        page_request(name, day, 0) for day in asking.window.days() for name in names(asking.watchlist)
    ]
    if not first_pages:
        return
    answers = yield first_pages
    others = [request for answer in answers if answer is not None for request in _other_pages(answer)]
    if others:
        yield others


def page_request(name: str, day: date, page: int) -> Request:
    """A page of the stories that a name finds on a day in UTC."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    end = start + int(timedelta(days=1).total_seconds())
    query = urlencode(
        {
            "query": f'"{name}"' if " " in name else name,
            "tags": "story",
            "restrictSearchableAttributes": "title",
            "numericFilters": f"created_at_i>={start},created_at_i<{end}",
            "hitsPerPage": HITS_PER_PAGE,
            "page": page,
        }
    )
    return Request(
        url=f"https://{HOST}/api/v1/search_by_date?{query}",
        kind=Kind.JSON,
        day=day,
        labels={"name": name, "page": str(page)},
        max_bytes=4 * MEBIBYTE,
        max_unpacked_bytes=16 * MEBIBYTE,
    )


def names(watchlist: Watchlist) -> list[str]:
    """What to search for: names in Latin letters; not those that another one finds anyway, nor nicknames."""
    return list(
        dict.fromkeys(name for platform in watchlist.platforms.values() for name in _names_of(platform))
    )


def _names_of(platform: Platform) -> Iterator[str]:
    brands = [
        alias.alias
        for alias in platform.aliases
        if alias.kind in ("brand", "former_brand")
        and re.fullmatch(r"[A-Za-z0-9 ]+", alias.alias)
        and len(alias.alias) >= SHORTEST_NAME
    ]
    seen: set[str] = set()
    for name in sorted(brands, key=len):
        words = name.lower().split()
        if seen.isdisjoint({*words, "".join(words)}):  # the search joins "Tik Tok" by itself
            seen.add(name.lower())
            yield name


def _other_pages(answer: Answer) -> Iterator[Request]:
    """The pages behind the first one; none where it cannot be read, which its reader reports."""
    try:
        pages = json_object(answer, UPSTREAM).get("nbPages")
    except WrongAnswerError:
        return
    if isinstance(pages, int):
        for page in range(1, min(pages, MAX_PAGES)):
            yield page_request(answer.request.labels["name"], answer.request.day, page)


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Stories of a page of hits, and the platforms that their titles name."""
    expect_status(answer, UPSTREAM)
    hits = json_object(answer, UPSTREAM).get("hits")
    if not isinstance(hits, list):
        changed(UPSTREAM, "there is no list of hits")
    matcher = Matcher.from_watchlist(watchlist)
    articles: list[Row] = []
    mentions: list[Row] = []
    broken: list[Broken] = []
    for position, hit in enumerate(hits, start=1):
        story = _story(hit)
        if isinstance(story, str):
            broken.append(Broken(ARTICLES, position, as_json(hit), story))
            continue
        found = title_mentions(story, matcher)
        articles.append(story if found else {**story, "note": NO_PLATFORM})
        mentions += found
    return Parsed({ARTICLES: articles, MENTIONS: mentions}, broken)


def _story(hit: object) -> Row | str:
    """A hit as a row, or what is wrong with it."""
    if not isinstance(hit, dict):
        return "the hit is no object"
    number = hit.get("objectID")
    if not isinstance(number, str) or not re.fullmatch(r"[0-9]{1,15}", number):
        return "the hit has no number"
    title, url = hit.get("title"), hit.get("url")
    is_link = isinstance(url, str) and re.fullmatch(r"https?://[^\s/]\S*", url) is not None
    written = hit.get("created_at")
    at = _moment(written)
    return {
        "article_id": f"hn_{number}",
        "url": url if is_link else f"{ITEM}{number}",
        "outlet": OUTLET,
        "language": "en",
        "published_date": at.date() if at else plain(written),
        "published_at": at,
        "published_precision": "minute" if at else "unknown",
        "title": plain_title(title, is_html=False) if isinstance(title, str) else None,
        "relation": "link" if is_link else "text_post",
        "origin": host_of(str(url)) if is_link else None,
    }


def _moment(written: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(written))
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


SOURCE = Source(
    name="hacker_news",
    group="news",
    description="Stories on Hacker News whose titles name a watched platform (search by Algolia).",
    tables=(ARTICLES, MENTIONS),
    hosts=(HOST,),
    pace=Pace(requests_per_minute=60, at_once=2),
    day_zone="UTC",
    ask=ask,
    read=read,
    asks_by_platform=True,
    look_back_days=1,
    is_dated=True,
)
