"""What is deleted by age: objects of the archive that nothing refers to, and quarantine that is settled.

Belongs here: which of these may go, and that nothing else does. Does not belong here: how old is old
(`ingestion.limits`), when it is done (`orchestration.defs.maintenance`), runs and the warehouse
(`orchestration.maintenance`).

The archive is kept: an object goes only when no receipt, no capture, no release, no manifest that a receipt
names, no batch in quarantine and no recent file that was rejected names it. What such an object was is then
told elsewhere: mostly, the list of a day's answers that a later one has replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingestion.archive import Format, Receipt, object_path, receipts
from ingestion.effects import in_utc
from ingestion.inbox import UNKNOWN_TABLE
from ingestion.loads import read_loads
from ingestion.settings import Home
from ingestion.tables import RAW_TABLES
from ingestion.waiting import open_items, release_of


@dataclass(frozen=True)
class Removed:
    """How many files went, and how much space they took."""

    what: str
    files: int = 0
    size_bytes: int = 0


def forget_unreferenced(home: Home, now: datetime, keep: timedelta) -> Removed:
    """Removes objects of the archive that nothing refers to, and that were last received so long ago.

    Receiving the same bytes again makes an object young (`ingestion.archive`), so that one whose receipt is
    about to be written is not touched.
    """
    objects = sorted((home.archive / "objects").glob("*/*"))
    old = [path for path in objects if _age(path, now) > keep]
    named = set(_named(home, now, keep)) if old else set()
    # Only what was old before all names were read: whatever is named since has become young.
    return _remove("unreferenced objects", _still_old((p for p in old if p.name not in named), now, keep))


def forget_settled_quarantine(home: Home, now: datetime, keep: timedelta) -> Removed:
    """Removes rows and batches of loads of which nothing is open any more."""
    settled: list[Path] = []
    for table in RAW_TABLES:
        folder = home.quarantine / table
        old = [p for p in (*folder.glob("*.parquet"), *folder.glob("*.json")) if _age(p, now) > keep]
        waiting = {item.load_id for item in open_items(home, [table])} if old else set()
        settled += [path for path in old if path.stem not in waiting]
    return _remove("settled quarantine", iter(settled))


# --- what is named --------------------------------------------------------------------------------


def _named(home: Home, now: datetime, keep: timedelta) -> Iterator[str]:
    """Digests of all objects that something names."""
    for table in RAW_TABLES:
        for receipt in receipts(home, table):
            yield from _named_by_receipt(home, receipt)
    for path in (home.archive / "captures").glob("*/*/*.json"):
        yield json.loads(path.read_bytes())["digest"]
    for path in home.quarantine.glob("*/*.json"):
        yield json.loads(path.read_bytes()).get("digest", "")
    floor = (in_utc(now) - keep).replace(tzinfo=None)
    for record in read_loads(home):
        if record.table_name == UNKNOWN_TABLE and record.digest and record.received_at >= floor:
            yield record.digest


def _named_by_receipt(home: Home, receipt: Receipt) -> Iterator[str]:
    yield receipt.digest
    path = object_path(home, receipt.digest)
    if receipt.format is Format.CAPTURES and path.exists():
        yield json.loads(path.read_bytes())["watchlist"]
    elif receipt.format is Format.RELEASE and path.exists():
        yield release_of(path.read_bytes())["corrections"] or ""


# --- removing -------------------------------------------------------------------------------------


def _age(path: Path, now: datetime) -> timedelta:
    try:
        return in_utc(now) - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return timedelta(0)  # another process was faster


def _still_old(paths: Iterator[Path], now: datetime, keep: timedelta) -> Iterator[Path]:
    return (path for path in paths if _age(path, now) > keep)


def _remove(what: str, paths: Iterator[Path]) -> Removed:
    files = size = 0
    for path in paths:
        try:
            taken = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        files, size = files + 1, size + taken
    return Removed(what, files, size)
