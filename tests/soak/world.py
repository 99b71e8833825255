"""The world outside of the simulated installation: what is watched, and upstreams that misbehave.

Belongs here: the watchlist, what upstreams answer on which day, faults, and files that are dropped. What is
answered is a function of the day alone, so that an undisturbed run is told the same.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import yaml

from ingestion.settings import WATCHLIST, Home
from ingestion.source import Asking, Request, Window
from ingestion.sources import SOURCES
from ingestion.watchlist import Watchlist, parse_watchlist
from tests._support.everyone import answering_of
from tests._support.upstream import (
    Answering,
    Asked,
    Fault,
    Reply,
    Upstream,
    changed,
    cut,
    hanging,
    html,
    status,
)
from tests.soak.clock import at

CHARTS, FEEDS, ATTENTION = "apple_marketing_feed", "feeds", "wikimedia_pageviews"
ASKED = (CHARTS, FEEDS, ATTENTION)
FIRST_DAY = date(2025, 2, 6)
"""Before the clocks change in New York, whose days the charts have; three days before a nightly run."""
FIRST_LOOK = 12
"""Hour (UTC) from which upstreams are asked: the same day in New York and in UTC, until midnight."""
PLATFORMS = ("tiktok", "xiaohongshu", "bluesky")
FAULTY = 10
"""One in so many requests is answered wrongly."""
DROPS = 10
"""A file is dropped every so many days."""

FAULTS: dict[str, Fault] = {
    "429": status(429, {"Retry-After": "1"}),
    "500": status(500),
    "cut body": cut(),
    "truncated": changed(lambda body: body[: len(body) // 2]),
    "HTML": html(),
    "time-out": hanging(),
}


def watchlist_text() -> str:
    """The bundled watchlist, cut down to what a day costs little with."""
    whole = yaml.safe_load(WATCHLIST.read_text())
    platforms = {name: whole["platforms"][name] for name in PLATFORMS}
    for platform in platforms.values():
        platform["wikipedia"] = platform["wikipedia"][:1]
    owners = {platform["owner"] for platform in platforms.values()}
    companies = {name: company for name, company in whole["companies"].items() if name in owners}
    for company in companies.values():
        company.pop("wikipedia", None)
    feed = next(iter(whole["feeds"]))
    small = {
        "platforms": platforms,
        "companies": companies,
        "storefronts": {"US": whole["storefronts"]["US"]},
        "feeds": {feed: whole["feeds"][feed]},
    }
    return str(yaml.safe_dump(small, allow_unicode=True))


def watchlist() -> Watchlist:
    """The same, parsed."""
    return parse_watchlist(watchlist_text().encode())


class World(Upstream):
    """All upstreams on loopback. `is_faulty`: every tenth request meets the next of `FAULTS`."""

    def __init__(self, *, is_faulty: bool) -> None:
        super().__init__(has_etags=True)
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self._is_faulty = is_faulty
        self._watchlist = watchlist()
        self._counting = threading.Lock()

    def turn_to(self, day: date) -> None:
        """From now on it is this day."""
        window = Window(day - timedelta(days=SOURCES[ATTENTION].look_back_days + 1), day)
        for name in ASKED:
            answering = _weekly_chart if name == CHARTS else answering_of(name)
            asking = Asking(window, self._watchlist, at(day, FIRST_LOOK))
            for request in next(SOURCES[name].ask(asking), ()):
                self.know(request, _of_its_day(answering, request))

    def reply_to(self, asked: Asked) -> Reply:
        """What is sent; faults do not come by chance, so that each kind comes."""
        reply = super().reply_to(asked)
        with self._counting:
            self.requests += 1
            if not self._is_faulty or self.requests % FAULTY:
                return reply
            name = list(FAULTS)[self.requests // FAULTY % len(FAULTS)]
            if not reply.body:  # of a body that is not sent nothing can be wrong
                name = "500"
            self.faults[name] += 1
        return FAULTS[name](reply)


def _of_its_day(answering: Answering, request: Request) -> Answering:
    return lambda asked: answering(request)


def _weekly_chart(request: Request) -> bytes:
    """A chart that moves on Mondays only, and is made again every day: seven days in one run's time."""
    monday = request.day - timedelta(days=request.day.weekday())
    of_monday = answering_of(CHARTS)(_on(request, monday))
    document = json.loads(of_monday)
    document["feed"]["updated"] = json.loads(answering_of(CHARTS)(request))["feed"]["updated"]
    return json.dumps(document, ensure_ascii=False).encode()


def _on(request: Request, day: date) -> Request:
    return replace(request, day=day)


def drop(home: Home, day: date) -> None:
    """Drops the file of a day, if it has one: complete in one step, as `mv` does."""
    number = (day - FIRST_DAY).days
    if number % DROPS != DROPS - 1:
        return
    home.inbox.mkdir(parents=True, exist_ok=True)
    name = f"published_metrics__{day}.csv"
    temporary = home.inbox / f".{name}.part"
    temporary.write_text(
        "statement_id,subject_type,subject_id,platform_id,metric,geography,observed_date,date_precision,"
        "value,value_bound,unit,provider\n"
        f"S{number},platform,xiaohongshu,xiaohongshu,dau,US,{day},day,{1_000_000 + number},=,users,Vendor\n"
    )
    temporary.replace(home.inbox / name)


def asked_days(days: int) -> list[date]:
    """The simulated days, in order."""
    return [FIRST_DAY + timedelta(days=number) for number in range(days)]


def expected_windows(days: int) -> dict[str, list[date]]:
    """The days that each source must have been asked for: page views are those of days that are over."""
    all_days = asked_days(days)
    back = SOURCES[ATTENTION].look_back_days
    before = [FIRST_DAY - timedelta(days=number) for number in range(back, 0, -1)]
    return {CHARTS: all_days, FEEDS: all_days, ATTENTION: [*before, *all_days[:-1]]}


def write_watchlist(folder: Path) -> Path:
    """The watchlist as a file."""
    path = folder / "watchlist.yaml"
    path.write_text(watchlist_text())
    return path
