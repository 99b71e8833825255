"""Apple's legacy feed as it answers: recorded in 2015 and 2018, and by others in 2026.

With its quirks: lists a few apps short, `link` as an object or a list, a raw newline inside a text, titles in
the storefront's language, and `-07:00` all year.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta, timezone

from ingestion.source import Request
from ingestion.sources._charts import GENRES
from ingestion.sources.apple_legacy_feed import GENRE_NAMES, Address, address_of
from tests._support.upstreams._rankings import MadeUpApp, chosen, ranking, seen_by

PACIFIC = timezone(timedelta(hours=-7))
ENGLISH = {
    "topfreeapplications": "iTunes Store: Top Free Applications",
    "toppaidapplications": "iTunes Store: Top Paid Applications",
    "topgrossingapplications": "iTunes Store: Top Grossing Applications",
}
CHINESE = {
    "topfreeapplications": "iTunes Store：免費 App 排行",
    "toppaidapplications": "iTunes Store：付費 App 排行",
    "topgrossingapplications": "iTunes Store：App 暢銷排行",
}
SUMMARY = "Share what you like with people you like. " * 15
NEWLINE = "(a raw newline)"


def answer(request: Request) -> bytes:
    """The list that the address asks for, updated ten minutes into the request's day."""
    address = address_of(request.url)
    assert address is not None, request.url
    assert address.chart is not None, request.url
    missing = chosen(3, request.url, str(request.day)) if address.limit == 100 else 0
    apps = ranking(
        "app_store",
        address.country,
        address.chart,
        request.day,
        seen_by=seen_by("apple_legacy_feed", request),
        depth=address.limit - missing,
    )
    entries = [_entry(app, address) for app in apps]
    updated = datetime.combine(request.day, time(0, 10), UTC).astimezone(PACIFIC)
    feed = {
        "author": {"name": _label("iTunes Store"), "uri": _label("http://www.apple.com/itunes/")},
        "entry": entries[0] if len(entries) == 1 else entries,
        "updated": _label(updated.isoformat()),
        "rights": _label("Copyright 2008 Apple Inc."),
        "title": _label(_title(address)),
        "icon": _label("http://itunes.apple.com/favicon.ico"),
        "link": [
            _link(
                "alternate",
                f"https://itunes.apple.com/WebObjects/MZStore.woa/wa/viewTop?cc={address.country}",
            ),
            {"attributes": {"rel": "self", "href": request.url}},
        ],
        "id": _label(request.url),
    }
    body = json.dumps({"feed": feed}, ensure_ascii=False, separators=(",", ":"))
    return body.replace(NEWLINE, "\n").encode()


def _title(address: Address) -> str:
    if address.country in ("CN", "HK", "TW"):
        return CHINESE[address.feed]
    names = {genre: name for name, genre in GENRE_NAMES.items()}
    of_genre = "" if address.genre is None else f" in {names[address.genre]}"
    return ENGLISH[address.feed] + of_genre


def _entry(app: MadeUpApp, address: Address) -> dict[str, object]:
    url = f"https://apps.apple.com/{address.country.lower()}/app/app-{app.number}/id{app.store_app_id}?uo=2"
    genre = address.genre or ("6014" if app.number % 3 else "6005")
    alternate = _link("alternate", url)
    preview = _link("enclosure", f"https://video-ssl.itunes.apple.com/itunes-assets/{app.number}.m4v")
    return {
        "im:name": _label(app.name),
        "im:image": [
            _label(f"https://is1-ssl.mzstatic.com/image/{app.number}/{size}x{size}bb.png", height=str(size))
            for size in (53, 75, 100)
        ],
        "summary": _label(SUMMARY + (NEWLINE if app.number % 40 == 7 else "")),
        "im:price": _label("Get", amount="0.00", currency="USD"),
        "im:contentType": {"attributes": {"term": "Application", "label": "Application"}},
        "rights": _label(f"© {app.developer}"),
        "title": _label(f"{app.name} - {app.developer}"),
        "link": alternate if app.number % 3 else [alternate, preview],
        "id": _label(url, **{"im:id": app.store_app_id, "im:bundleId": f"com.example.app{app.number}"}),
        "im:artist": _label(app.developer, href=f"https://apps.apple.com/us/developer/id{app.number}?uo=2"),
        "category": {
            "attributes": {
                "im:id": genre,
                "term": GENRES[genre],
                "scheme": f"https://apps.apple.com/us/genre/id{genre}?uo=2",
                "label": GENRES[genre],
            }
        },
        "im:releaseDate": _label("2012-08-02T01:24:58-07:00", label="August 2, 2012"),
    }


def _label(label: str, /, **attributes: str) -> dict[str, object]:
    return {"label": label, "attributes": attributes} if attributes else {"label": label}


def _link(rel: str, href: str) -> dict[str, object]:
    return {"attributes": {"rel": rel, "type": "text/html", "href": href}}
