"""Made-up charts that behave like real ones: they move a little by the day, and by who looks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from functools import cache

from ingestion.settings import WATCHLIST
from ingestion.source import Request
from ingestion.watchlist import parse_watchlist

POOL = {"app_store": 140, "google_play": 260}
HEAD = 60
"""Watched apps start somewhere in the first so many places."""
WORDS = (
    "Photo",
    "Chat",
    "Market",
    "Video",
    "Bank",
    "Radio",
    "Trip",
    "Fit",
    "Note",
    "Puzzle",
    "Map",
    "Wallet",
)


@dataclass(frozen=True)
class MadeUpApp:
    """An app: watched ones have their real id and name, all others belong to nobody."""

    store_app_id: str
    name: str
    developer: str
    number: int
    is_watched: bool = False


@cache
def pool(store: str) -> tuple[MadeUpApp, ...]:
    """The apps that may be in a chart of `store`: the watched ones, then made-up ones."""
    platforms = parse_watchlist(WATCHLIST.read_bytes()).platforms.values()
    listed = [app for platform in platforms for of, app in platform.apps.items() if of == store and app.id]
    apps = [MadeUpApp(str(app.id), app.name, f"{app.name} Inc.", n, True) for n, app in enumerate(listed)]
    for number in range(len(apps), POOL[store]):
        word = WORDS[number % len(WORDS)]
        app_id = (
            str(6_400_000_000 + 137 * number)
            if store == "app_store"
            else f"com.example.{word.lower()}{number}"
        )
        apps.append(MadeUpApp(app_id, f"{word} {number} – “Life & Fun” 生活", f"{word} Labs, LLC", number))
    return tuple(apps)


def ranking(store: str, country: str, chart: str, day: date, *, seen_by: str, depth: int) -> list[MadeUpApp]:
    """The first `depth` apps of a chart on a day; neighbours may have changed places for `seen_by`."""
    always = _chance(store, country, chart)
    today, looking = (
        _chance(store, country, chart, str(day)),
        _chance(store, country, chart, str(day), seen_by),
    )
    places = {
        app: always.uniform(0, HEAD if app.is_watched else POOL[store])
        + today.gauss(0, 3)
        + looking.gauss(0, 0.7)
        for app in pool(store)
    }
    return sorted(places, key=lambda app: places[app])[:depth]


def seen_by(source: str, request: Request) -> str:
    """Who looks: a source, and which look it is where `labels["look"]` tells several of one day apart."""
    return f"{source} {request.labels.get('look', '')}".rstrip()


def chosen(parts: int, *seeds: str) -> int:
    """One of 0 .. parts - 1, the same for the same seeds."""
    return _chance(*seeds).randrange(parts)


def _chance(*seeds: str) -> random.Random:
    return random.Random("|".join(seeds))
