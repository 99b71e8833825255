"""News feeds as outlets publish them: RSS, Atom or JSON Feed by the address, made up, always the same.

`.json` gives JSON Feed, an address with `atom` or `index.xml` Atom, all others RSS.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from ingestion.source import Request
from ingestion.watchlist import Feed, Watchlist

ENTRIES = 20
SUBJECTS = (
    "TikTok’s American users wait for the court",
    "Refugees from TikTok learn Mandarin on RedNote",
    "Lemon8 & RedNote lead the store",
    "“小红书” in five questions",
    "Signal failure delays the morning trains",
    "City council argues about bicycle lanes",
    "A cheaper phone, a slower phone",
    "Chip maker's shares fall again",
    "How a small town got its broadband",
    "Bluesky, Threads and Mastodon compared",
)


@dataclass(frozen=True)
class Item:
    """An entry before it is written in one of the formats."""

    number: int
    title: str
    url: str
    at: datetime


def answer(request: Request) -> bytes:
    """The feed of an address on a day: the newest entries first."""
    items = _items(request)
    if request.url.endswith(".json"):
        return _json(request, items)
    return (
        _atom(request, items) if "atom" in request.url or "index.xml" in request.url else _rss(request, items)
    )


def many_feeds(watchlist: Watchlist, count: int) -> Watchlist:
    """`watchlist` with so many feeds in its place: for a full simulated day."""
    endings = ("rss.xml", "atom.xml", "feed.json")
    feeds = {
        f"outlet_{number}": Feed(
            url=f"https://news{number}.example.com/{endings[number % 3]}",
            outlet=f"Outlet {number}",
            language="en",
            zone="Europe/London" if number % 2 else None,
        )
        for number in range(count)
    }
    return watchlist.model_copy(update={"feeds": feeds})


def _items(request: Request) -> list[Item]:
    dice = random.Random(f"{request.url} {request.day}")
    host = urlsplit(request.url).hostname
    newest = datetime.combine(request.day, time(0, 55), UTC)
    return [
        Item(
            number=number,
            title=f"{dice.choice(SUBJECTS)}, part {dice.randrange(1000)}",
            url=f"https://{host}/{request.day:%Y/%m/%d}/story-{dice.randrange(10**9)}?utm_source=rss&p={number}",
            at=newest - timedelta(minutes=37 * number),
        )
        for number in range(ENTRIES)
    ]


def _rss(request: Request, items: list[Item]) -> bytes:
    entries = "".join(
        f"<item><title>{escape(item.title)}</title><link>{escape(item.url)}</link>"
        f'<guid isPermaLink="false">{item.number}</guid><pubDate>{format_datetime(item.at)}</pubDate>'
        f"<description><![CDATA[<p>A few words on it.&nbsp;</p>]]></description></item>\n"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>News</title>'
        f"<link>{escape(request.url)}</link><description>News</description>\n{entries}</channel></rss>\n"
    ).encode()


def _atom(request: Request, items: list[Item]) -> bytes:
    entries = "".join(
        f'<entry><title type="html"><![CDATA[{item.title}]]></title><link rel="alternate" '
        f'href="{escape(item.url)}"/><id>{escape(item.url)}</id><published>{item.at.isoformat()}</published>'
        f"<updated>{item.at.isoformat()}</updated></entry>\n"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>News</title><id>{escape(request.url)}</id>\n{entries}</feed>\n"
    ).encode()


def _json(request: Request, items: list[Item]) -> bytes:
    document = {
        "version": "https://jsonfeed.org/version/1",
        "title": "News",
        "feed_url": request.url,
        "items": [
            {
                "id": str(item.number),
                "url": item.url,
                "title": item.title,
                "date_published": item.at.isoformat(),
            }
            for item in items
        ],
    }
    return json.dumps(document, ensure_ascii=False).encode()
