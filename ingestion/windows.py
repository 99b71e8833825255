"""Which days of which source are complete, and what is missing of the others.

Belongs here: the ledger `archive/windows/<source>.json`. Does not belong here: what is asked again because of
it (`ingestion.fetch`). Whoever writes holds the lock of the source's fetch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from ingestion.effects import write_durably
from ingestion.settings import Home
from ingestion.source import Window


class WindowState(StrEnum):
    """`complete`: every request of the day was answered; `partial`: some were; `missing`: none was; `open`:
    every one was, but the day was not over, so there will be more of it.
    """

    COMPLETE = "complete"
    OPEN = "open"
    PARTIAL = "partial"
    MISSING = "missing"

    @property
    def is_lacking(self) -> bool:
        """Whether something that was asked for is missing."""
        return self in (WindowState.PARTIAL, WindowState.MISSING)


@dataclass(frozen=True)
class DayReport:
    """What became of one day when it was asked last, at `asked_at` (UTC).

    `gaps`: requests that the upstream answered with "there is no such thing". `completed_at`: when all
    that could be asked of it was answered last, which the ledger remembers over later failures.
    """

    day: date
    state: WindowState
    requests: int
    failed: int
    gaps: int
    reason: str | None
    asked_at: datetime
    completed_at: datetime | None = None


def note_days(home: Home, source: str, reports: Iterable[DayReport]) -> None:
    """Writes what became of these days in the place of what was written of them before."""
    days = {report.day: report for report in day_reports(home, source)}
    for report in reports:
        before = days.get(report.day)
        completed_at = before.completed_at if before else None
        if not report.state.is_lacking:
            completed_at = report.asked_at
        days[report.day] = replace(report, completed_at=completed_at)
    listing = [_as_fields(report) for _, report in sorted(days.items())]
    write_durably(_path(home, source), (json.dumps(listing, indent=1) + "\n").encode())


def day_reports(home: Home, source: str) -> list[DayReport]:
    """All days that were ever asked of a source, in order."""
    path = _path(home, source)
    return [_from_fields(fields) for fields in json.loads(path.read_bytes())] if path.exists() else []


def incomplete_days(home: Home, source: str, window: Window, *, is_dated: bool) -> set[date]:
    """Days of `window` of which something is missing.

    `is_dated`: those that were never asked, after the first one that was, are among them.
    """
    reports = {report.day: report.state for report in day_reports(home, source)}
    incomplete = {day for day, state in reports.items() if state is not WindowState.COMPLETE}
    if is_dated and reports:
        incomplete |= {day for day in window.days() if day > min(reports) and day not in reports}
    return {day for day in incomplete if window.first <= day <= window.last}


def days_told(days: Sequence[date]) -> str:
    """Days in order, as a reader wants them: `2025-01-13 to 2025-01-15, 2025-01-20`."""
    return ", ".join(
        f"{run.first}" if run.first == run.last else f"{run.first} to {run.last}" for run in runs(days)
    )


def runs(days: Sequence[date]) -> Iterator[Window]:
    """Days, in order, as windows without gaps."""
    first = last = None
    for day in days:
        if last is not None and first is not None and day - last > timedelta(days=1):
            yield Window(first, last)
            first = day
        first = first or day
        last = day
    if first is not None and last is not None:
        yield Window(first, last)


def _path(home: Home, source: str) -> Path:
    return home.archive / "windows" / f"{source}.json"


def _as_fields(report: DayReport) -> dict[str, object]:
    return {
        "day": str(report.day),
        "state": report.state,
        "requests": report.requests,
        "failed": report.failed,
        "gaps": report.gaps,
        "reason": report.reason,
        "asked_at": report.asked_at.isoformat(timespec="microseconds"),
        "completed_at": report.completed_at and report.completed_at.isoformat(timespec="microseconds"),
    }


def _from_fields(fields: dict[str, Any]) -> DayReport:
    completed_at = fields.get("completed_at")
    return DayReport(
        **{
            **fields,
            "day": date.fromisoformat(fields["day"]),
            "state": WindowState(fields["state"]),
            "asked_at": datetime.fromisoformat(fields["asked_at"]),
            "completed_at": completed_at and datetime.fromisoformat(completed_at),
        }
    )
