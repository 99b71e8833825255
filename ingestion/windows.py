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
    that could be asked of it was answered last, which the ledger remembers over later failures. `platforms`:
    the only ones of which something is missing, where others were not asked for, or had answered.
    """

    day: date
    state: WindowState
    requests: int
    failed: int
    gaps: int
    reason: str | None
    asked_at: datetime
    completed_at: datetime | None = None
    platforms: tuple[str, ...] = ()

    @property
    def is_of_all(self) -> bool:
        """Whether all platforms were ever asked for."""
        return not self.platforms or self.completed_at is not None


def note_days(home: Home, source: str, reports: Iterable[DayReport]) -> None:
    """Writes what became of these days in the place of what was written of them before."""
    days = {report.day: report for report in day_reports(home, source)}
    for report in reports:
        before = days.get(report.day)
        completed_at = before.completed_at if before else None
        if not report.state.is_lacking:
            completed_at = report.asked_at
        days[report.day] = replace(report, completed_at=completed_at)
    _write(home, source, days.values())


def note_days_of_platforms(
    home: Home, source: str, reports: Iterable[DayReport], platforms: frozenset[str]
) -> None:
    """Writes what became of these days when they were asked for some platforms alone.

    Their answers say nothing of the others: only what is missing is written, and that it is missing no more.
    Days that lack something of all, or are not over, are asked for as a whole and stay as they are.
    """
    days = {report.day: report for report in day_reports(home, source)}
    for report in reports:
        after = _of_platforms(days.pop(report.day, None), report, platforms)
        if after is not None:
            days[report.day] = after
    _write(home, source, days.values())


def _of_platforms(before: DayReport | None, report: DayReport, platforms: frozenset[str]) -> DayReport | None:
    """What the ledger says of a day after it was asked for some platforms; None: nothing."""
    if before and not before.platforms and before.state is not WindowState.COMPLETE:
        return before
    if report.state.is_lacking:
        return _lacking(before, report, platforms)
    return _answered(before, platforms) if before and before.platforms else before


def _lacking(before: DayReport | None, report: DayReport, platforms: frozenset[str]) -> DayReport:
    """A day that lacks something of these platforms, or already did of others."""
    concerned = tuple(sorted(platforms.union(before.platforms if before else ())))
    if before is None or before.completed_at is None:
        return replace(report, platforms=concerned)
    return replace(
        before,
        state=WindowState.PARTIAL,
        failed=report.failed,
        reason=report.reason,
        asked_at=report.asked_at,
        platforms=concerned,
    )


def _answered(before: DayReport, platforms: frozenset[str]) -> DayReport | None:
    """A day that lacked something of some platforms and has it now: what it was before that."""
    if still := set(before.platforms) - platforms:
        return replace(before, platforms=tuple(sorted(still)))
    if before.completed_at is None:
        return None
    return replace(
        before,
        state=WindowState.COMPLETE,
        failed=0,
        reason=None,
        asked_at=before.completed_at,
        platforms=(),
    )


def day_reports(home: Home, source: str) -> list[DayReport]:
    """All days that were ever asked of a source, in order."""
    path = _path(home, source)
    return [_from_fields(fields) for fields in json.loads(path.read_bytes())] if path.exists() else []


def incomplete_days(home: Home, source: str, window: Window, *, is_dated: bool) -> set[date]:
    """Days of `window` of which something is missing.

    `is_dated`: those that were never asked, after the first one of which all was, are among them.
    """
    reports = {report.day: report for report in day_reports(home, source)}
    incomplete = {day for day, report in reports.items() if report.state is not WindowState.COMPLETE}
    first = min((day for day, report in reports.items() if report.is_of_all), default=None)
    if is_dated and first is not None:
        incomplete |= {day for day in window.days() if day > first and day not in reports}
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


def _write(home: Home, source: str, reports: Iterable[DayReport]) -> None:
    listing = [_as_fields(report) for report in sorted(reports, key=lambda report: report.day)]
    write_durably(_path(home, source), (json.dumps(listing, indent=1) + "\n").encode())


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
        "platforms": report.platforms,
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
            "platforms": tuple(fields.get("platforms", ())),
        }
    )
