"""How often, and how many at once, a host is asked.

Belongs here: waiting for one's turn, and what a host that failed has asked for. Does not belong here: what
counts as a failure (`ingestion.http`). The clock and sleep are passed in; they count seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from ingestion.errors import UpstreamError
from ingestion.source import Pace

MINUTE_MILLISECONDS = 60_000
FAILURES_IN_A_ROW = 3
"""So many requests that failed after all attempts, one after the other, and a host counts as down."""


class Lane:
    """The way to one host, for all sources that ask it."""

    def __init__(self, pace: Pace, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._pace = pace
        self._open = 0
        self._places = threading.Condition()
        self._lock = threading.Lock()
        self._bucket = InMemoryBucket(_rates(pace))
        self._monotonic = monotonic
        self._sleep = sleep

    def keep_to(self, pace: Pace) -> None:
        """From now on the lane is no faster than `pace`, either."""
        with self._places, self._lock:
            self._pace = Pace(
                min(self._pace.requests_per_minute, pace.requests_per_minute),
                min(self._pace.at_once, pace.at_once),
                max(self._pace.seconds_between, pace.seconds_between),
            )
            self._bucket.rates = _rates(self._pace)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Holds one of the places at the host, as soon as the rate lets another request through."""
        with self._places:
            self._places.wait_for(lambda: self._open < self._pace.at_once)
            self._open += 1
        try:
            while pause := self._pause():
                self._sleep(pause)
            yield
        finally:
            with self._places:
                self._open -= 1
                self._places.notify()

    def _pause(self) -> float:
        """Zero if the request may be sent, which it then counts as; else how long to wait, in seconds."""
        with self._lock:
            item = RateItem("request", int(self._monotonic() * 1000))
            self._bucket.leak(item.timestamp)
            if self._bucket.put(item):
                return 0.0
            waiting = self._bucket.waiting(item)
        return max(1, int(waiting)) / 1000  # type: ignore[arg-type]


class HostState:
    """What became of the requests to a host in this run, whoever sent them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._quiet_until = float("-inf")
        self._why_down: UpstreamError | None = None

    @property
    def why_down(self) -> UpstreamError | None:
        """Why nobody should ask this host again in this run; None as long as it may be asked."""
        return self._why_down

    def quiet_for(self, now: float) -> float:
        """How long the host has asked to be left alone from `now` on, in seconds."""
        return max(0.0, self._quiet_until - now)

    def keep_quiet(self, until: float) -> None:
        """Nobody asks the host before `until`."""
        with self._lock:
            self._quiet_until = max(self._quiet_until, until)

    def note_answer(self) -> None:
        """The host answered."""
        with self._lock:
            self._failures = 0

    def note_failure(self, why: UpstreamError) -> None:
        """A request failed after all its attempts."""
        with self._lock:
            self._failures += 1
            if why.is_hopeless or self._failures >= FAILURES_IN_A_ROW:
                self._why_down = self._why_down or why


def _rates(pace: Pace) -> list[Rate]:
    """The pace as rates of a sliding window. The spacing replaces a rate that it cannot exceed anyway."""
    by_minute = Rate(pace.requests_per_minute, MINUTE_MILLISECONDS)
    spacing = int(pace.seconds_between * 1000)
    if spacing <= 0:
        return [by_minute]
    spaced = Rate(1, spacing)
    if spacing * pace.requests_per_minute >= MINUTE_MILLISECONDS:
        return [spaced]
    return [spaced, by_minute]
