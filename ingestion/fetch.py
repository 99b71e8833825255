"""Asks upstreams for a window of days, and turns what they answer into receipts for the load.

Belongs here: which days are asked, the order of archive, first look and reading, what is missing afterwards,
and that one source or request that fails stops no other. Does not belong here: HTTP (`ingestion.http`), what
is asked (`ingestion.sources`), and the lake (`ingestion.load`).

A fetch may be killed at any point and run again: captures are written one by one, and receipts follow from
all captures of a day.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingestion.archive import (
    Format,
    Origin,
    Receipt,
    ReceiptState,
    new_receipt,
    receipt_of_day,
    set_state,
    store_chunks,
    write_receipt,
)
from ingestion.captures import (
    Capture,
    Stage,
    accept,
    captured_days,
    captures_of,
    changes,
    conditions,
    latest,
    question_of,
    refuse,
    remember_latest,
    write_capture,
)
from ingestion.effects import Clock, in_utc, locked
from ingestion.errors import Fault, ObservatoryError, UpstreamError
from ingestion.http import ANY_HOST, NOT_MODIFIED, Client, Response
from ingestion.manifests import store_manifest, store_watchlist
from ingestion.parsed import Reader, forget_old
from ingestion.quiet import keep_quiet, quiet_until, why_quiet
from ingestion.settings import Home
from ingestion.sniff import mismatch
from ingestion.source import Answer, Asking, Questions, Request, Source, Window, WrongAnswerError, shown
from ingestion.space import full_disk, is_full
from ingestion.watchlist import Watchlist
from ingestion.windows import (
    DayReport,
    WindowState,
    days_told,
    incomplete_days,
    note_days,
    note_days_of_platforms,
    runs,
)

SOURCES_AT_ONCE = 6
REQUESTS_AT_ONCE = 8
"""Threads of one source; how many of them may be at one host says its `Pace`."""

SOURCE_SECONDS = 1800.0
"""No request of a source starts later than this after its fetch began."""

HEALED_DAYS = 7
"""Days before the window that are asked again where something is missing, whatever the source's look-back."""

LISTED_PROBLEMS = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scope:
    """Which of its questions a source asks.

    `only_new`: what never changes and lies in the archive is not asked for again. `platforms`: only what
    concerns these is asked for, of the days of the window alone; none means all. All are read in any case.
    `more_storefronts`: countries, each with its zone, whose charts are asked for beside the watched ones.
    """

    only_new: bool = False
    platforms: frozenset[str] = frozenset()
    more_storefronts: tuple[tuple[str, str], ...] = ()

    def asked_of(self, watchlist: Watchlist) -> Watchlist:
        """What a source is to know while it asks."""
        asked = watchlist.only(self.platforms) if self.platforms else watchlist
        if not self.more_storefronts:
            return asked
        storefronts = {**dict(self.more_storefronts), **asked.storefronts}
        return asked.model_copy(update={"storefronts": storefronts})


ALL = Scope()


@dataclass(frozen=True)
class FetchResult:
    """What came of asking one source. `problem`: why it could not be asked at all; `unanswered`: what is
    missing of which days, and what to do.

    `requests` are questions, `answers` responses, those to repeated attempts and those refused included.
    `network_seconds`, `reading_seconds` and `waiting_seconds` add up what all threads spent on the way to the
    upstream, in the reader, and at a host's door or between two attempts.
    """

    source: str
    days: tuple[DayReport, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    requests: int = 0
    answers: int = 0
    unchanged: int = 0
    bytes_received: int = 0
    problem: str | None = None
    unanswered: str | None = None
    network_seconds: float = 0.0
    reading_seconds: float = 0.0
    waiting_seconds: float = 0.0

    @property
    def missing(self) -> tuple[str, ...]:
        """At most one line: what is missing, or why the source could not be asked."""
        return tuple(line for line in (self.problem, self.unanswered) if line)


def today(source: Source, now: datetime) -> Window:
    """The day that it is in the source's zone."""
    day = in_utc(now).astimezone(ZoneInfo(source.day_zone)).date()
    return Window(day, day)


def is_settled(source: Source, day: date, now: datetime) -> bool:
    """Whether all that a source will ever say of a day can be asked at `now`."""
    if not source.is_dated:
        return True
    last = day + timedelta(days=source.look_back_days)
    end = datetime.combine(last + timedelta(days=1), time_of_day(), ZoneInfo(source.day_zone))
    return in_utc(now) >= in_utc(end)


def fetch_all(
    home: Home,
    sources: Sequence[Source],
    window: Window | None,
    *,
    watchlist: Watchlist,
    client: Client,
    now: Clock,
    scope: Scope = ALL,
) -> Iterator[FetchResult]:
    """Asks several sources at the same time; gives each result when it is there. Raises nothing of theirs.

    Without `window`, each is asked for its today.
    """
    forget_old(home, in_utc(now()))

    def fetch_one(source: Source) -> FetchResult:
        asked = window or today(source, now())
        return fetch(home, source, asked, watchlist=watchlist, client=client, now=now, scope=scope)

    with ThreadPoolExecutor(SOURCES_AT_ONCE, thread_name_prefix="fetch") as threads:
        for future in as_completed([threads.submit(fetch_one, source) for source in sources]):
            yield future.result()


def fetch(
    home: Home,
    source: Source,
    window: Window,
    *,
    watchlist: Watchlist,
    client: Client,
    now: Clock,
    scope: Scope = ALL,
    source_seconds: float = SOURCE_SECONDS,
) -> FetchResult:
    """Asks one source for `window`, for its look-back, and for what earlier fetches of the last days missed.

    Never raises because of what the upstream does, or the source's own code: what is missing stands in the
    result and in the ledger of windows, and the rest is received.
    """
    if scope.platforms and not source.asks_by_platform:
        told = f"{source.name}: cannot be asked for single platforms. Leave it out."
        return FetchResult(source.name, problem=told)
    try:
        with locked(home, f"fetch/{source.name}"):
            fetching = _Fetch(home, source, watchlist=watchlist, client=client, now=now, scope=scope)
            return fetching.run(window, client.effects.monotonic() + source_seconds)
    except ObservatoryError as error:
        return FetchResult(source.name, problem=str(error))
    except Exception as error:
        logger.exception("Fetching %s failed", source.name)
        days = f"{window.first} to {window.last}"
        if is_full(error, home):
            return FetchResult(source.name, problem=str(full_disk(home, source.name, days)))
        told = f"{source.name} ({days}): failed with {type(error).__name__}: {error}"
        return FetchResult(source.name, problem=" ".join(told.split()))


def reparse(
    home: Home, source: Source, window: Window, watchlist: Watchlist, now: Clock
) -> tuple[list[Receipt], list[Capture]]:
    """Reads all captures of a window again, without a network, and has each day loaded again.

    Gives the receipts, all pending, and the captures that cannot be read. Those that could not be read before
    and can be now are taken in.
    """
    received: list[Receipt] = []
    unreadable: list[Capture] = []
    with locked(home, f"fetch/{source.name}"):
        reader = Reader(home, source, watchlist, store_watchlist(home, watchlist))
        for day in captured_days(home, source.name, window):
            for capture in captures_of(home, source.name, day):
                if capture.is_readable and not _read_again(reader, capture):
                    unreadable.append(capture)
            received += receive_day(reader, day, now(), again=True)
    return received, unreadable


def receive_day(reader: Reader, day: date, now: datetime, *, again: bool = False) -> list[Receipt]:
    """Receipts, one a table, for all usable captures of a day: those that are new, or `again` all.

    Failed looks are among them where the source tells something of those.
    """
    source = reader.source
    kept = (None,) if source.failed_look is None else (None, Stage.REQUEST)
    usable = [c for c in captures_of(reader.home, source.name, day) if c.refused_by in kept]
    if not usable:
        return []
    looks = changes(usable) if source.failed_look is None else usable
    stored = store_manifest(reader.home, reader, day, looks)
    received: list[Receipt] = []
    for table in source.tables:
        known = receipt_of_day(reader.home, source.name, table, day)
        if known is not None and known.digest == stored.digest:
            if again:
                received.append(set_state(reader.home, known, ReceiptState.PENDING))
            continue
        receipt = new_receipt(
            Origin(source.name, source.provenance),
            table,
            stored.digest,
            file_name=f"{source.name} {day}",
            format=Format.CAPTURES,
            now=now,
            day=day,
        )
        write_receipt(reader.home, receipt)
        received.append(receipt)
    return received


def _read_again(reader: Reader, capture: Capture) -> bool:
    """Whether a capture can be read today; marks it accordingly."""
    try:
        reader.read(capture, again=True)
    except WrongAnswerError as error:
        refuse(reader.home, capture, Stage.READER, str(error))
        return False
    if capture.refused_by is not None:
        accept(reader.home, capture)
    return True


# --- one fetch ------------------------------------------------------------------------------------


class _Problem(NamedTuple):
    """Why a request failed, and what to do about it, if anything."""

    told: str
    remedy: str = ""


NOTHING_THERE = _Problem("the upstream says that nothing of what was asked is there", "Check the addresses.")


@dataclass
class _Tally:
    """What became of the requests of a day, or of several."""

    requests: int = 0
    answers: int = 0
    gaps: int = 0
    problems: Counter[_Problem] = field(default_factory=Counter)

    def __add__(self, other: _Tally) -> _Tally:
        return _Tally(
            self.requests + other.requests,
            self.answers + other.answers,
            self.gaps + other.gaps,
            self.problems + other.problems,
        )

    def report(self, day: date, now: datetime, *, is_settled: bool) -> DayReport:
        """Complete if nothing failed, and not everything is said not to be there.

        Not `is_settled`: there may be more to ask for than was.
        """
        failed = self.problems.total()
        if not failed and (self.answers or not self.gaps):
            state = WindowState.COMPLETE if is_settled else WindowState.OPEN
            return DayReport(day, state, self.requests, 0, self.gaps, None, now)
        state = WindowState.PARTIAL if self.answers else WindowState.MISSING
        return DayReport(day, state, self.requests, failed, self.gaps, self.reason(), now)

    def reason(self) -> str:
        """How much is missing, why, most frequent first, and what to do, each said once."""
        problems = self.problems or Counter({NOTHING_THERE: self.gaps})
        listed = problems.most_common(LISTED_PROBLEMS)
        told = [
            f"{problem.told} ({count} times)" if count > 1 and len(problems) > 1 else problem.told
            for problem, count in listed
        ]
        if more := len(problems) - len(listed):
            told.append("and another problem" if more == 1 else f"and {more} other problems")
        remedies = dict.fromkeys(problem.remedy for problem, _ in listed if problem.remedy)
        counted = f"{problems.total()} of {self.requests} requests failed"
        return ". ".join([f"{counted}: {'; '.join(told)}", *([" ".join(remedies)] if remedies else [])])


@dataclass
class _Spent:
    """What one request has cost so far, over all its attempts."""

    began: float
    answers: int = 0
    unchanged: int = 0
    bytes: int = 0
    network: float = 0.0
    reading: float = 0.0

    def added_to(self, totals: FetchResult) -> FetchResult:
        """`totals` with this request. What was spent neither on the way nor in the reader was waiting."""
        waiting = max(0.0, time.monotonic() - self.began - self.network - self.reading)
        return replace(
            totals,
            requests=totals.requests + 1,
            answers=totals.answers + self.answers,
            unchanged=totals.unchanged + self.unchanged,
            bytes_received=totals.bytes_received + self.bytes,
            network_seconds=totals.network_seconds + self.network,
            reading_seconds=totals.reading_seconds + self.reading,
            waiting_seconds=totals.waiting_seconds + waiting,
        )


class _Fetch:
    """One source, one time. Its methods are called by several threads; what they share is behind a lock."""

    def __init__(
        self,
        home: Home,
        source: Source,
        *,
        watchlist: Watchlist,
        client: Client,
        now: Clock,
        scope: Scope,
    ) -> None:
        self._home = home
        self._source = source
        self._scope = scope
        self._watchlist = scope.asked_of(watchlist)
        self._client = client
        self._now = now
        self._deadline = 0.0
        self._began = in_utc(now())
        self._reader = Reader(home, source, watchlist, store_watchlist(home, watchlist))
        self._lock = threading.Lock()
        self._days: dict[date, _Tally] = {}
        self._begun: set[date] = set()
        self._asked: dict[str, Answer | None] = {}
        self._totals = FetchResult(source.name)

    def run(self, window: Window, deadline: float) -> FetchResult:
        """Asks until `deadline`, and receives every day of which there is something new."""
        self._deadline = deadline
        incomplete = self._incomplete_before(window)
        with ThreadPoolExecutor(self._threads(), thread_name_prefix=self._source.name) as threads:
            for part in self._parts(window, incomplete):
                self._ask(part, threads)
        moment = in_utc(self._now())
        reports = tuple(
            tally.report(day, moment, is_settled=is_settled(self._source, day, self._began))
            for day, tally in sorted(self._days.items())
        )
        # A fetch that was killed may have left captures of a day that nobody can ask for any more.
        touched = sorted(incomplete.union(self._days))
        receipts = [receipt for day in touched for receipt in receive_day(self._reader, day, moment)]
        self._write_down(reports)
        unanswered = self._unanswered(reports)
        return replace(self._totals, days=reports, receipts=tuple(receipts), unanswered=unanswered)

    def _unanswered(self, reports: Sequence[DayReport]) -> str | None:
        """What is missing of all days together: a source that is down is down for each of them."""
        days = [report.day for report in reports if report.state.is_lacking]
        if not days:
            return None
        reason = sum((self._days[day] for day in days), _Tally()).reason()
        return f"{self._source.name} ({days_told(days)}): {reason}"

    def _threads(self) -> int:
        if ANY_HOST in self._source.hosts:
            return REQUESTS_AT_ONCE
        return min(REQUESTS_AT_ONCE, self._source.pace.at_once * len(self._source.hosts))

    def _incomplete_before(self, window: Window) -> set[date]:
        if self._scope.platforms:
            return set()
        back = max(self._source.look_back_days, HEALED_DAYS)
        before = Window(window.first - timedelta(days=back), window.first - timedelta(days=1))
        return incomplete_days(self._home, self._source.name, before, is_dated=self._source.is_dated)

    def _parts(self, window: Window, incomplete: set[date]) -> list[Window]:
        """The window itself first, then what is to be healed before it, without the days between."""
        days_back = 0 if self._scope.platforms else self._source.look_back_days
        look_back = range(1, days_back + 1)
        wanted = incomplete.union(window.first - timedelta(days=back) for back in look_back)
        return [window, *runs(sorted(wanted))]

    def _ask(self, part: Window, threads: ThreadPoolExecutor) -> None:
        """Plays the source's questions through. A source whose own code fails has asked nothing more."""
        answers: Sequence[Answer | None] | None = None
        try:
            questions: Questions = self._source.ask(Asking(part, self._watchlist, self._began))
            while True:
                try:
                    batch = list(next(questions) if answers is None else questions.send(answers))
                except StopIteration:
                    return
                self._begin({request.day for request in batch})
                answers = list(threads.map(self._answer, batch))
        except Exception as error:
            logger.exception("%s could not ask for %s to %s", self._source.name, part.first, part.last)
            told = str(error) if isinstance(error, ObservatoryError) else f"{type(error).__name__}: {error}"
            problem = _Problem(f"the source failed with {' '.join(told.split())}")
            with self._lock:
                for day in part.days():
                    self._note(day, problem)

    def _begin(self, days: set[date]) -> None:
        """Notes days as missing before they are asked for: a fetch may be killed before it can say so."""
        new = days - self._begun
        self._begun |= new
        if new:
            moment, reason = (
                in_utc(self._now()),
                "the fetch ended before it was done. The next run asks again.",
            )
            reports = [DayReport(day, WindowState.MISSING, 0, 0, 0, reason, moment) for day in new]
            self._write_down(reports)

    def _write_down(self, reports: Sequence[DayReport]) -> None:
        if self._scope.platforms:
            note_days_of_platforms(self._home, self._source.name, reports, self._scope.platforms)
        else:
            note_days(self._home, self._source.name, reports)

    def _answer(self, request: Request) -> Answer | None:
        """One answer that was read, or None; all that went wrong is noted with its day.

        The same question is asked once: windows that are healed may lead to what was asked already.
        """
        question = question_of(request)
        with self._lock:
            if question in self._asked:
                return self._asked[question]
        spent = _Spent(time.monotonic())
        answer, problem, is_gap = None, None, False
        try:
            capture = self._known(request)
            if capture is None:
                self._respect_quiet(request)
                capture = self._client.insist(
                    self._source, request, lambda: self._attempt(request, spent), self._deadline
                )
            answer = capture.answer(self._home)
        except UpstreamError as error:
            logger.info("%s", error)
            if error.wait_seconds is not None:
                keep_quiet(self._home, request.url, error.wait_seconds, self._now())
            is_gap = error.fault is Fault.IGNORABLE
            problem = None if is_gap else _Problem(" ".join(error.problem.split()), error.remedy)
        except Exception as error:  # a full disk, for one: other requests may fare better, or say so, too
            logger.exception("%s: %s failed", self._source.name, shown(request.url))
            problem = _Problem(" ".join(f"{type(error).__name__}: {error}".split()))
            if is_full(error, self._home):
                full = full_disk(self._home, self._source.name)
                problem = _Problem(full.problem, full.remedy)
        if answer is None and self._source.failed_look is not None:
            self._note_failed_look(
                request, problem.told if problem else "the upstream says that it is not there"
            )
        with self._lock:
            self._asked[question] = answer
            self._totals = spent.added_to(self._totals)
            self._note(request.day, problem, is_gap=is_gap)
        return answer

    def _note_failed_look(self, request: Request, why: str) -> None:
        """The record of a request without an answer, as a capture without a body."""
        stored = store_chunks(self._home, ())
        capture = Capture(
            source=self._source.name,
            request=replace(request, url=shown(request.url)),
            status=0,
            headers={},
            digest=stored.digest,
            size_bytes=stored.size,
            fetched_at=in_utc(self._now()),
        )
        refuse(self._home, capture, Stage.REQUEST, why)

    def _respect_quiet(self, request: Request) -> None:
        """Raises `UpstreamError` if an earlier run was asked to leave the host alone until later than now."""
        until = quiet_until(self._home, request.url, self._began)
        if until is not None:
            raise UpstreamError(
                f"was not asked: {why_quiet(until)}",
                source=self._source.name,
                window=str(request.day),
                remedy="A run after that asks again.",
                fault=Fault.FATAL,
                is_of_host=False,
            )

    def _known(self, request: Request) -> Capture | None:
        """The archive's answer, where it is as good as a new one."""
        if not request.is_final or self._scope == ALL:
            return None
        capture = latest(self._home, self._source.name, request)
        return capture if capture is not None and capture.day == request.day else None

    def _attempt(self, request: Request, spent: _Spent) -> Capture:
        """Sends a request once; archives, looks at and reads the answer. Raises `UpstreamError`."""
        before = latest(self._home, self._source.name, request)
        started = time.monotonic()
        try:
            with self._client.open(self._source, request, conditions(before)) as response:
                spent.network -= response.waited_seconds
                capture = self._archived(request, response, before)
                problem = self._client.problem_of(self._source, request, response)
        except WrongAnswerError as error:
            raise self._wrong(request, error) from error
        finally:
            spent.network += time.monotonic() - started
        spent.answers += 1
        spent.unchanged += capture.is_unchanged
        spent.bytes += 0 if capture.is_unchanged else capture.size_bytes
        if problem is not None:
            refuse(self._home, capture, Stage.STATUS, problem.problem)
            raise problem
        self._look(request, capture)
        started = time.monotonic()
        try:
            self._reader.read(capture)
        except WrongAnswerError as error:
            refuse(self._home, capture, Stage.READER, str(error))
            raise self._wrong(request, error, is_of_host=False) from error
        finally:
            spent.reading += time.monotonic() - started
        if capture.status == 200:
            with self._lock:
                remember_latest(self._home, capture)
        return capture

    def _look(self, request: Request, capture: Capture) -> None:
        """Refuses an answer that cannot be what was asked for, before any parser sees it."""
        wrong = None
        if capture.status == NOT_MODIFIED:
            wrong = "it says that nothing has changed, though it was not asked whether"
        elif capture.status == 200 and not capture.is_unchanged:
            wrong = mismatch(capture.answer(self._home).path, request.kind)
        if wrong:
            refuse(self._home, capture, Stage.START, wrong)
            raise self._wrong(request, WrongAnswerError(wrong, is_retriable=True))

    def _archived(self, request: Request, response: Response, before: Capture | None) -> Capture:
        """The record of a response, whatever it is; its body is in the archive."""
        stored = store_chunks(self._home, response.chunks)
        fetched_at = in_utc(self._now())
        capture = Capture(
            source=self._source.name,
            request=replace(request, url=shown(request.url)),
            status=response.status,
            headers=response.headers,
            digest=stored.digest,
            size_bytes=stored.size,
            fetched_at=fetched_at,
        )
        if response.status == NOT_MODIFIED and before is not None and conditions(before):
            capture = replace(
                capture,
                status=before.status,
                headers={**before.headers, **response.headers},
                digest=before.digest,
                size_bytes=before.size_bytes,
                is_unchanged=True,
            )
        write_capture(self._home, capture)
        return capture

    def _wrong(self, request: Request, error: WrongAnswerError, *, is_of_host: bool = True) -> UpstreamError:
        remedy = (
            "The next run asks again."
            if error.is_retriable
            else "The archive has the answer: see what has changed, and mend the source."
        )
        return UpstreamError(
            f"did not answer as it should: {error} ({shown(request.url)})",
            source=self._source.name,
            window=str(request.day),
            remedy=remedy,
            fault=Fault.RETRIABLE if error.is_retriable else Fault.FATAL,
            is_of_host=is_of_host and error.is_retriable,
        )

    def _note(self, day: date, problem: _Problem | None, *, is_gap: bool = False) -> None:
        tally = self._days.setdefault(day, _Tally())
        tally.requests += 1
        tally.gaps += is_gap
        tally.answers += problem is None and not is_gap
        if problem is not None:
            tally.problems[problem] += 1
