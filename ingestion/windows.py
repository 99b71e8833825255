"""Which days of which source are complete, and what is missing of the others.

Belongs here: the ledger `archive/windows/<source>.json`. Does not belong here: what is asked again because of
it (`ingestion.fetch`). Whoever writes holds the lock of the source's fetch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ingestion.effects import write_durably
from ingestion.settings import Home
from ingestion.source import Window


class WindowState(StrEnum):
    """`complete`: every request of the day was answered; `partial`: some were; `missing`: none was."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    MISSING = "missing"


@dataclass(frozen=True)
class DayReport:
    """What became of one day when it was asked last, at `asked_at` (UTC).

    `gaps`: requests that the upstream answered with "there is no such thing".
    """

    day: date
    state: WindowState
    requests: int
    failed: int
    gaps: int
    reason: str | None
    asked_at: datetime


def note_days(home: Home, source: str, reports: Iterable[DayReport]) -> None:
    """Writes what became of these days in the place of what was written of them before."""
    days = {report.day: report for report in day_reports(home, source)}
    days |= {report.day: report for report in reports}
    listing = [_as_fields(report) for _, report in sorted(days.items())]
    write_durably(_path(home, source), (json.dumps(listing, indent=1) + "\n").encode())


def day_reports(home: Home, source: str) -> list[DayReport]:
    """All days that were ever asked of a source, in order."""
    path = _path(home, source)
    return [_from_fields(fields) for fields in json.loads(path.read_bytes())] if path.exists() else []


def incomplete_days(home: Home, source: str, window: Window) -> set[date]:
    """Days of `window` of which something is missing."""
    return {
        report.day
        for report in day_reports(home, source)
        if report.state is not WindowState.COMPLETE and window.first <= report.day <= window.last
    }


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
    }


def _from_fields(fields: dict[str, Any]) -> DayReport:
    return DayReport(
        **{
            **fields,
            "day": date.fromisoformat(fields["day"]),
            "state": WindowState(fields["state"]),
            "asked_at": datetime.fromisoformat(fields["asked_at"]),
        }
    )
