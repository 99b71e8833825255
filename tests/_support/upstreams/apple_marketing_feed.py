"""Apple's marketing feed as it answers: recorded in November 2021 and October 2023."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from ingestion.source import Request
from ingestion.sources.apple_marketing_feed import FEEDS
from tests._support.upstreams._rankings import MadeUpApp, ranking, seen_by

TITLES = {"top-free": "Top Free Apps", "top-paid": "Top Paid Apps"}


def answer(request: Request) -> bytes:
    """The list that the address asks for, updated ten minutes into the request's day."""
    _, _, country, _, feed, depth, _ = urlsplit(request.url).path.strip("/").split("/")
    apps = ranking(
        "app_store",
        country.upper(),
        FEEDS[feed],
        request.day,
        seen_by=seen_by("apple_marketing_feed", request),
        depth=int(depth),
    )
    body = {
        "title": TITLES[feed],
        "id": request.url,
        "author": {"name": "Apple", "url": "https://www.apple.com/"},
        "links": [{"self": request.url}],
        "copyright": f"Copyright © {request.day.year} Apple Inc. All rights reserved.",
        "country": country,
        "icon": "https://www.apple.com/favicon.ico",
        "updated": f"{request.day:%a}, {request.day.day} {request.day:%b %Y} 00:10:00 +0000",
        "results": [_result(app, country) for app in apps],
    }
    return json.dumps({"feed": body}, ensure_ascii=False, separators=(",", ":")).encode()


def _result(app: MadeUpApp, country: str) -> dict[str, object]:
    icon = f"https://is1-ssl.mzstatic.com/image/thumb/Purple211/v4/{app.number:02x}/AppIcon-0-0-1x_U007emarketing"
    return {
        "artistName": app.developer,
        "id": app.store_app_id,
        "name": app.name,
        "releaseDate": f"{2010 + app.number % 15}-04-02",
        "kind": "apps",
        "artworkUrl100": f"{icon}-0-7-0-85-220.png/100x100bb.png",
        "genres": [],
        "url": f"https://apps.apple.com/{country}/app/app-{app.number}/id{app.store_app_id}",
    }
