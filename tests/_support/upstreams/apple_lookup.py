"""iTunes lookup as it answers: three newlines, the known ids in the order asked for, the others left out."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from ingestion.source import Request
from tests._support.upstreams._rankings import MadeUpApp, chosen, pool

REMOVED = {"CN": ("835599320", "389801252", "284882215", "544007664"), "US": ("999999999",)}
"""Ids that a storefront does not have."""


def answer(request: Request) -> bytes:
    """Listings of the ids of the address that the storefront has."""
    asked = parse_qs(urlsplit(request.url).query)
    country = asked.get("country", ["us"])[0].upper()
    known = {app.store_app_id: app for app in pool("app_store")}
    found = [
        known[app_id]
        for app_id in asked["id"][0].split(",")
        if app_id in known and app_id not in REMOVED.get(country, ())
    ]
    results = [_result(app, country, str(request.day)) for app in found]
    text = json.dumps({"resultCount": len(results), "results": results}, ensure_ascii=False)
    return ("\n\n\n" + text).encode()


def _result(app: MadeUpApp, country: str, day: str) -> dict[str, object]:
    ratings = 0 if app.number % 9 == 8 else 1000 + chosen(10_000, app.store_app_id, country, day)
    stars = 0 if ratings == 0 else (4 if app.number % 2 else 4.56789)
    return {
        "kind": "software",
        "wrapperType": "software",
        "trackId": int(app.store_app_id),
        "trackName": app.name,
        "trackCensoredName": app.name,
        "bundleId": f"com.example.app{app.number}",
        "artistId": 300_000_000 + app.number,
        "artistName": app.developer,
        "sellerName": app.developer,
        "primaryGenreId": 6005,
        "primaryGenreName": "Social Networking",
        "genreIds": ["6005", "6002"],
        "genres": ["Social Networking", "Utilities"],
        "price": 0.0 if app.number % 2 else 0,
        "formattedPrice": "Free",
        "currency": "USD",
        "averageUserRating": stars,
        "userRatingCount": ratings,
        "averageUserRatingForCurrentVersion": stars,
        "userRatingCountForCurrentVersion": ratings,
        "fileSizeBytes": "158574592",
        "version": f"8.{app.number}.1",
        "currentVersionReleaseDate": "2025-01-08T22:10:30Z",
        "releaseDate": "2014-05-04T02:43:49Z",
        "minimumOsVersion": "15.0",
        "description": "Share what you like with people you like. " * 20,
        "trackViewUrl": f"https://apps.apple.com/{country.lower()}/app/id{app.store_app_id}?uo=4",
        "supportedDevices": ["iPhone15-iPhone15", "iPadPro-iPadPro"],
        "languageCodesISO2A": ["EN", "ZH"],
        "screenshotUrls": [f"https://is1-ssl.mzstatic.com/image/{app.number}/392x696bb.jpg"] * 5,
    }
