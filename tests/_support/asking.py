"""A clock that only goes on when somebody sleeps, and clients and sources for tests of asking."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ingestion.http import Client, Effects, Patience
from ingestion.network import Resolve
from ingestion.source import (
    Answer,
    Asking,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Source,
)
from ingestion.watchlist import Watchlist, parse_watchlist

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = NOON.date()
HOST = "api.example.com"
OTHER_HOST = "old.example.org"
URL = f"https://{HOST}/items?page=1"
QUICK = Patience(connect_seconds=1.0, read_seconds=1.0, total_seconds=5.0)
BRISK = Pace(requests_per_minute=600, at_once=4)
WATCHLIST = parse_watchlist(
    b"platforms: {tiktok: {name: TikTok, kind: short_video}, lemon8: {name: Lemon8, kind: photo_sharing}}"
)


@dataclass
class Sleeper:
    """Time that passes by sleeping alone, and what was slept."""

    moment: datetime = NOON
    slept: list[float] = field(default_factory=list)
    chance: float = 0.5
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.moment += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - NOON).total_seconds()

    @property
    def effects(self) -> Effects:
        return Effects(self.now, self.monotonic, self.sleep, lambda: self.chance)


def client_of(
    mirror: str | None,
    clock: Sleeper | None = None,
    *,
    patience: Patience = QUICK,
    is_paced: bool = False,
    resolve: Resolve | None = None,
) -> Client:
    """A client that asks `mirror`, with time that only passes by sleeping."""

    def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError(f"{host} is not known here")

    return Client(
        mirror=mirror,
        effects=(clock or Sleeper()).effects,
        patience=patience,
        resolve=resolve or nobody,
        is_paced=is_paced,
    )


def request_of(url: str = URL, *, day: date = DAY, kind: Kind = Kind.JSON, max_bytes: int = 10**6) -> Request:
    """A request for JSON."""
    return Request(url, kind, day, max_bytes=max_bytes, max_unpacked_bytes=max_bytes)


def no_questions(asking: Asking) -> Questions:
    """Asks nothing."""
    yield from ()


def nothing_read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Finds no row in any answer."""
    return Parsed({})


def source_of(*, hosts: tuple[str, ...] = (HOST, OTHER_HOST), pace: Pace = BRISK) -> Source:
    """A source of which only the manners matter."""
    return Source(
        name="example",
        group="news",
        description="An example.",
        tables=("articles",),
        hosts=hosts,
        pace=pace,
        day_zone="UTC",
        ask=no_questions,
        read=nothing_read,
    )
