"""Looks whether an upstream has something that the archive does not.

Belongs here: a conditional request and the comparison of what it says with the archive's last capture of the
same address. Does not belong here: fetching, which asks again, archives and reads all (`ingestion.fetch`),
and when to look (`orchestration.defs.events`).

A probe is as polite as a fetch: it leaves alone whoever has asked for that, and remembers who asks it. It
writes nothing else: it is cheap, and its only consequence is a fetch.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ingestion.captures import conditions, latest
from ingestion.effects import in_utc
from ingestion.errors import UpstreamError
from ingestion.http import NOT_MODIFIED, Client
from ingestion.network import no_later_than
from ingestion.quiet import keep_quiet, quiet_until, why_quiet
from ingestion.settings import Home
from ingestion.source import Answer, Asking, Parsed, Request, Source, Window, WrongAnswerError
from ingestion.watchlist import Watchlist

Said = Callable[[Answer, Parsed], object]
"""What of an answer counts: plain data that is the same as long as nothing of interest has changed."""


@dataclass(frozen=True)
class News:
    """An address that says something else than the archive: now, and `before`, None if it was never asked."""

    request: Request
    now: object
    before: object | None


@dataclass(frozen=True)
class Looked:
    """What came of looking at `looked_at` addresses: what is new, and what went wrong, a line each.

    `left_alone`: how many more were not looked at, as their host has asked for; `problems` has them, too.
    """

    looked_at: int
    news: tuple[News, ...]
    problems: tuple[str, ...]
    left_alone: int = 0

    @property
    def is_blind(self) -> bool:
        """Whether every address failed that was looked at. To wait when asked to is no failure."""
        return 0 < self.looked_at == len(self.problems) - self.left_alone

    @property
    def digest(self) -> str:
        """Names what is new."""
        told = [f"{one.request.url} {one.now!r}\n" for one in sorted(self.news, key=lambda n: n.request.url)]
        return hashlib.sha256("".join(told).encode()).hexdigest()


@dataclass(frozen=True)
class Observer:
    """Whose eyes look: one installation, one source, and until when (seconds of `time.monotonic`)."""

    home: Home
    source: Source
    watchlist: Watchlist
    client: Client
    now: datetime
    deadline: float

    def first_requests(self) -> Sequence[Request]:
        """What the source asks first for its today: requests that need no earlier answer."""
        today = in_utc(self.now).date()
        asking = Asking(Window(today, today), self.watchlist, in_utc(self.now))
        return next(self.source.ask(asking), ())

    def look(self, requests: Sequence[Request], said: Said) -> Looked:
        """Asks each address once, and compares. Raises nothing of the upstream's."""
        news: list[News] = []
        problems: list[str] = []
        left_alone = 0
        for request in requests:
            if until := quiet_until(self.home, request.url, self.now):
                left_alone += 1
                problems.append(f"{self.source.name}: {request.url} was not looked at: {why_quiet(until)}.")
                continue
            if time.monotonic() >= self.deadline:
                problems.append(f"{self.source.name}: {request.url} was not looked at: the time is up.")
                continue
            try:
                if (one := self._news(request, said)) is not None:
                    news.append(one)
            except UpstreamError as error:
                problems.append(str(error))
                if error.wait_seconds is not None:
                    keep_quiet(self.home, request.url, error.wait_seconds, self.now)
            except WrongAnswerError as error:
                problems.append(f"{self.source.name}: {request.url} did not answer as it should: {error}")
        return Looked(len(requests) - left_alone, tuple(news), tuple(problems), left_alone)

    def _news(self, request: Request, said: Said) -> News | None:
        last = latest(self.home, self.source.name, request)
        before = None if last is None else self._said(last.answer(self.home), said)
        with (
            tempfile.TemporaryDirectory() as folder,
            no_later_than(self.deadline),
            self.client.open(self.source, request, conditions(last)) as response,
        ):
            if problem := self.client.problem_of(self.source, request, response):
                raise problem
            if response.status == NOT_MODIFIED:
                return None
            path, digest, size = Path(folder) / "body", hashlib.sha256(), 0
            with path.open("wb") as body:
                for chunk in response.chunks:
                    body.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
            if last is not None and last.digest == digest.hexdigest():
                return None
            moment = in_utc(self.now)
            answer = Answer(
                request, response.status, response.headers, digest.hexdigest(), size, moment, path
            )
            now = self._said(answer, said)
        return None if now == before else News(request, now, before)

    def _said(self, answer: Answer, said: Said) -> object:
        return said(answer, self.source.read(answer, self.watchlist))


# --- what counts ----------------------------------------------------------------------------------


def ranks(answer: Answer, parsed: Parsed) -> object:
    """Of a chart: which app stands where. A list that only says that it was made again is no news."""
    return sorted(
        (str(row["chart"]), str(row["country"]), int(str(row["rank"])), str(row["store_app_id"]))
        for row in parsed.rows.get("chart_entries", ())
    )


def filings(answer: Answer, parsed: Parsed) -> object:
    """Of a company: which filings there are."""
    return sorted(str(row["accession_number"]) for row in parsed.rows.get("filings", ()))


def newest_batch(answer: Answer, parsed: Parsed) -> object:
    """Of GDELT's list of the newest files: the batch of its edition, as an ISO instant."""
    from ingestion.sources.gdelt_gkg import EDITIONS, listed_files

    suffix = EDITIONS[answer.request.labels["edition"]].suffix
    files, _ = listed_files(answer.content().decode(errors="replace"))
    batches = [file.batch.isoformat() for file in files if file.suffix == suffix]
    return max(batches, default=None)


def days_of_batches(news: Sequence[News], at_most: int) -> Window | None:
    """The days (UTC) of GDELT's files that are new, `at_most` so many; None where there are none."""
    moments = [one.now for one in news if isinstance(one.now, str)]
    earlier = [one.before for one in news if isinstance(one.before, str)]
    if not moments:
        return None
    last = _day(max(moments))
    first = _day(min([*earlier, *moments]))
    return Window(max(first, date.fromordinal(last.toordinal() - at_most + 1)), last)


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).astimezone(UTC).date()
