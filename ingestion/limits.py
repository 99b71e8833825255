"""How long things are kept, and when something counts as late: the settings of operations, in one place.

Belongs here: what the environment may set, its defaults, and what each means. Does not belong here: what is
done about it (`ingestion.health`, `ingestion.retention`, `orchestration.maintenance`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from ingestion.errors import SettingError


@dataclass(frozen=True)
class Setting:
    """A whole number that the environment may give, and what it counts."""

    variable: str
    default: int
    unit: str
    meaning: str


SETTINGS: Mapping[str, Setting] = {
    "stale_after": Setting(
        "OBSERVATORY_STALE_HOURS",
        48,
        "hours",
        "An upstream that is asked regularly is stale when its last complete answer is older.",
    ),
    "keep_runs": Setting(
        "OBSERVATORY_KEEP_RUNS_DAYS", 30, "days", "Finished runs with their events and logs."
    ),
    "keep_ticks": Setting(
        "OBSERVATORY_KEEP_TICKS_DAYS", 14, "days", "What schedules and sensors did, also those that are gone."
    ),
    "keep_unreferenced": Setting(
        "OBSERVATORY_KEEP_UNREFERENCED_DAYS",
        90,
        "days",
        "Objects of the archive that nothing refers to, such as lists of a day's answers that a later one "
        "replaced. What a receipt, a capture or a release names is kept for ever.",
    ),
    "keep_quarantine": Setting(
        "OBSERVATORY_KEEP_QUARANTINE_DAYS",
        180,
        "days",
        "Quarantined rows and batches that were released, discarded or superseded. Open ones stay for ever.",
    ),
}


@dataclass(frozen=True)
class Limits:
    """The settings as spans of time."""

    stale_after: timedelta
    keep_runs: timedelta
    keep_ticks: timedelta
    keep_unreferenced: timedelta
    keep_quarantine: timedelta


def limits_from(environ: Mapping[str, str]) -> Limits:
    """What the environment says; the defaults else. Raises `SettingError`."""
    given: dict[str, Any] = {field.name: _span(SETTINGS[field.name], environ) for field in fields(Limits)}
    return Limits(**given)


def _span(setting: Setting, environ: Mapping[str, str]) -> timedelta:
    text = environ.get(setting.variable, "").strip() or str(setting.default)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 100_000:
        raise SettingError(
            f"{text[:40]!r} is no number of {setting.unit}",
            source=setting.variable,
            remedy=f"Give a whole number from 1 on, or leave it out for {setting.default}.",
        )
    return timedelta(**{setting.unit: int(text)})
