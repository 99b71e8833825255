"""How every source does: its last success, its lag, its volume beside the usual, its quarantine, what to do.

Belongs here: the facts, read from the ledgers, the lake and the quarantine, and the advice that follows from
them. Does not belong here: showing them (`ingestion.health_page`, `orchestration`), and telling anyone
(`ingestion.alerts`). Nothing is written, and nothing is asked over a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ingestion.archive import ReceiptState, receipts
from ingestion.effects import in_utc
from ingestion.inbox import UNKNOWN_TABLE
from ingestion.limits import Limits
from ingestion.loads import LoadRecord, Verdict, read_loads
from ingestion.settings import Home
from ingestion.source import Source
from ingestion.sources import SOURCES
from ingestion.space import Room, room
from ingestion.tables import RAW_TABLES
from ingestion.volumes import Volume, newest_event, rows_by_day, volume_of
from ingestion.waiting import Item, open_items
from ingestion.windows import DayReport, day_reports

CURRENT_DAYS = 3
"""An answer for a day that was longer gone when it was asked for is a backfill, and says nothing of today."""
LISTED_DAYS = 3
REASON_CHARACTERS = 300

LATE_AFTER_DAYS = {
    "price_bars": 5,
    "fx_rates": 5,
    "attention": 4,
    "filings": 100,
    "company_facts": 130,
}
"""Days after which the newest event of a table is late: markets close for long weekends, page views come two
days later, and companies file by the quarter. Others: `LATE_AFTER`."""
LATE_AFTER = 3


class State(StrEnum):
    """How a source does, the worst that is true of it."""

    STALE = "stale"
    FAILED = "failed"
    HELD = "held back"
    INCOMPLETE = "incomplete"
    UNUSUAL = "unusual volume"
    QUARANTINE = "rows in quarantine"
    WELL = "well"
    IDLE = "not asked"


@dataclass(frozen=True)
class SourceHealth:
    """One source. Instants in UTC.

    `last_success`: the last complete answer for a day of its time, one that is not over included, or, of
    files, the last load that was let in. `lag`: how long ago that was. `incomplete`: the last days of which
    something is missing. `volumes`: of upstreams that are asked again and again. `failed`: loads that could
    not be completed and are tried again.
    """

    source: str
    last_success: datetime | None
    lag: timedelta | None
    states: tuple[State, ...]
    incomplete: tuple[DayReport, ...]
    volumes: tuple[Volume, ...]
    items: tuple[Item, ...]
    failed: tuple[LoadRecord, ...]

    @property
    def state(self) -> State:
        """The worst of its states."""
        return self.states[0]

    @property
    def open_rows(self) -> int:
        """Rows in quarantine that wait for a person."""
        return sum(item.rows for item in self.items)

    @property
    def to_do(self) -> tuple[str, ...]:
        """What a person does next, most urgent first; empty where nothing is to be done."""
        return tuple(self._advice())

    def _advice(self) -> Iterator[str]:
        ask = f"`observatory run --live --source {self.source}"
        if self.incomplete:
            first, last = self.incomplete[0], self.incomplete[-1]
            reason = (last.reason or "")[:REASON_CHARACTERS]
            yield f"Ask again: {ask} --from {first.day} --to {last.day}`. {last.day}: {reason}"
        elif State.STALE in self.states:
            yield f"Nobody has asked it lately: {ask}`, or turn on the schedule `fetch_live_every_day`."
        for record in self.failed:
            yield f"The load of {record.file_name} failed; the next run tries again. {record.reason}"
        for item in self.items:
            what = "A batch is held back" if item.is_batch else f"{item.rows} row(s) wait"
            why = "; ".join(item.reasons)[:REASON_CHARACTERS]
            yield f"{what} in {item.table_name}: `observatory quarantine show {item.load_id}`. {why}"
        for volume in self.volumes:
            if volume.is_unusual:
                yield f"{volume.table}: {volume.told}. See what it answered, and the site itself."


@dataclass(frozen=True)
class Health:
    """All sources, those that need somebody first, and how much room the disk has."""

    at: datetime
    sources: tuple[SourceHealth, ...]
    room: Room

    @property
    def ill(self) -> tuple[SourceHealth, ...]:
        """Sources that need somebody."""
        return tuple(one for one in self.sources if one.state not in (State.WELL, State.IDLE))


@dataclass(frozen=True)
class Freshness:
    """The newest event that a source has brought for a table."""

    source: str
    table: str
    newest: date
    late_after_days: int
    today: date

    @property
    def days_behind(self) -> int:
        """Whole days since."""
        return (self.today - self.newest).days

    @property
    def is_late(self) -> bool:
        """Whether newer ones should be there."""
        return self.days_behind > self.late_after_days


def health(home: Home, now: datetime, limits: Limits) -> Health:
    """How all sources do that were ever asked or have ever brought anything, and all upstreams."""
    moment = in_utc(now)
    records = [record for record in read_loads(home) if record.table_name != UNKNOWN_TABLE]
    items = open_items(home)
    names = dict.fromkeys([*SOURCES, *(record.source for record in records)])
    ledgers = _Ledgers(home, records, items, moment, limits)
    found = [_of_source(name, ledgers) for name in names]
    order = list(State)
    return Health(
        moment, tuple(sorted(found, key=lambda one: (order.index(one.state), one.source))), room(home)
    )


def freshness(home: Home, table: str, now: datetime) -> list[Freshness]:
    """The newest event of a table, for each upstream that is asked for it regularly and has brought any."""
    found = []
    for source in _regular(home, table):
        newest = newest_event(home, source.name, RAW_TABLES[table])
        if newest is not None:
            late = LATE_AFTER_DAYS.get(table, LATE_AFTER)
            found.append(Freshness(source.name, table, newest, late, _today(source, now)))
    return found


def volumes(home: Home, table: str, now: datetime) -> list[tuple[str, Volume]]:
    """The volume of a table, for each upstream that is asked for it regularly and has brought any."""
    found = [
        (source.name, volume_of(table, rows_by_day(home, source.name, table), _today(source, now)))
        for source in _regular(home, table)
    ]
    return [(name, volume) for name, volume in found if volume]


@dataclass(frozen=True)
class _Ledgers:
    """What is read once for all sources."""

    home: Home
    records: Sequence[LoadRecord]
    items: Sequence[Item]
    now: datetime
    limits: Limits


def _of_source(name: str, ledgers: _Ledgers) -> SourceHealth:
    source = SOURCES.get(name)
    reports = day_reports(ledgers.home, name) if source else []
    is_regular = _is_regular(source, reports)
    records = [record for record in ledgers.records if record.source == name]
    last = _last_answer(reports) if source else _last_load(records)
    lag = ledgers.now - last if last else None
    incomplete = tuple(report for report in reports if report.state.is_lacking)[-LISTED_DAYS:]
    ours = tuple(item for item in ledgers.items if item.receipt.source == name)
    failed = _failed(ledgers.home, records)
    compared = _volumes(ledgers.home, source, ledgers.now) if source and is_regular else ()
    states = {
        State.STALE: is_regular and (lag is None or lag > ledgers.limits.stale_after),
        State.FAILED: bool(failed),
        State.HELD: any(item.is_batch for item in ours),
        State.INCOMPLETE: bool(incomplete),
        State.UNUSUAL: any(volume.is_unusual for volume in compared),
        State.QUARANTINE: bool(ours),
        State.WELL: bool(last or records),
        State.IDLE: True,
    }
    true = tuple(state for state, is_so in states.items() if is_so)
    return SourceHealth(name, last, lag, true, incomplete, compared, ours, failed)


def _last_answer(reports: Sequence[DayReport]) -> datetime | None:
    """When all that could be asked of a day was answered last; backfills of days long gone do not count."""
    answered = [(report.day, report.completed_at) for report in reports if report.completed_at]
    return max((moment for day, moment in answered if _is_of_its_time(day, moment)), default=None)


def _last_load(records: Sequence[LoadRecord]) -> datetime | None:
    good = (Verdict.PUBLISHED, Verdict.PUBLISHED_WITH_QUARANTINE)
    ends = [record.finished_at for record in records if record.verdict in good and record.finished_at]
    return max(ends).replace(tzinfo=UTC) if ends else None


def _failed(home: Home, records: Sequence[LoadRecord]) -> tuple[LoadRecord, ...]:
    """Loads that failed and are still to be done; of others, a later one has taken the place."""
    failed = [record for record in records if record.verdict is Verdict.FAILED]
    tables = {record.table_name for record in failed} & set(RAW_TABLES)
    pending = {
        receipt.load_id
        for table in tables
        for receipt in receipts(home, table)
        if receipt.state is ReceiptState.PENDING
    }
    return tuple(record for record in failed if record.load_id in pending)


def _volumes(home: Home, source: Source, now: datetime) -> tuple[Volume, ...]:
    today = _today(source, now)
    found = (volume_of(table, rows_by_day(home, source.name, table), today) for table in source.tables)
    return tuple(volume for volume in found if volume)


def _regular(home: Home, table: str) -> list[Source]:
    return [
        source
        for source in SOURCES.values()
        if table in source.tables and _is_regular(source, day_reports(home, source.name))
    ]


def _is_regular(source: Source | None, reports: Sequence[DayReport]) -> bool:
    """Whether a source is asked for what is new of all, and not only for days that are long gone."""
    if source is None or not source.is_default:
        return False
    return any(report.is_of_all and _is_of_its_time(report.day, report.asked_at) for report in reports)


def _is_of_its_time(day: date, asked_at: datetime) -> bool:
    return in_utc(asked_at).date() - day <= timedelta(days=CURRENT_DAYS)


def _today(source: Source, now: datetime) -> date:
    return in_utc(now).astimezone(ZoneInfo(source.day_zone)).date()
