"""What is in quarantine and waits for a person.

Belongs here: which rows and batches are open, and why others are not. Does not belong here: what is done with
them (`ingestion.release`) and what put them there (`ingestion.load`).

Nothing in quarantine is ever marked: whether something is open follows from the receipts (a release names the
load that it releases; a later batch takes the place of an earlier one) and from the notes of what was
discarded. A row is known by what it says. So one that a source brings again, in another load, does not come
back to whoever has decided on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.archive import Format, Receipt, object_path, receipts
from ingestion.errors import QuarantineError
from ingestion.quarantine import QuarantinedRow, batch_path, rows_path
from ingestion.settings import Home
from ingestion.sql import connection
from ingestion.tables import RAW_TABLES

DISCARDED = "_discarded"
"""The folder of notes, beside those of the tables."""

LOAD_ID = re.compile(r"[0-9a-f]{16}")
LISTED_REASONS = 5


@dataclass(frozen=True)
class Item:
    """What one load left in quarantine, as far as it is open.

    `is_batch`: all of it is held back, and `rows` are those that could be read. Otherwise `rows` are the open
    ones. `reasons` are sentences, those of most rows first.
    """

    receipt: Receipt
    is_batch: bool
    rows: int
    reasons: tuple[str, ...]

    @property
    def load_id(self) -> str:
        """Names the load."""
        return self.receipt.load_id

    @property
    def table_name(self) -> str:
        """The raw table that it was for."""
        return self.receipt.table_name

    @property
    def received_at(self) -> datetime:
        """Since when it waits."""
        return self.receipt.received_at


@dataclass
class _Decided:
    """What somebody has decided on: batches by load, and rows by source and the SHA-256 of their text."""

    batches: dict[str, str] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    """The last decision on rows of a load, in words."""


def open_items(home: Home, table_names: Iterable[str] = tuple(RAW_TABLES)) -> list[Item]:
    """All that waits, the oldest first."""
    items = [item for name in table_names for item in _open_of_table(home, name)]
    return sorted(items, key=lambda item: (item.received_at, item.table_name, item.load_id))


def find(home: Home, load_id: str) -> Item:
    """What is open of a load. Raises `QuarantineError` where nothing is, saying why."""
    table_name = table_of(home, load_id)
    for item in _open_of_table(home, table_name):
        if item.load_id == load_id:
            return item
    received = receipts(home, table_name)
    decided = _decided(home, table_name, received)
    told = decided.batches.get(load_id) or decided.last.get(load_id)
    if told:
        problem = f"nothing of it is open any more: {told}"
    elif load_id not in _standing(received):
        problem = "a later load of the same source has taken its place"
    else:
        problem = "nothing of it is open: what is in quarantine was decided on in another load"
    remedy = "`observatory quarantine list` shows what is open."
    raise QuarantineError(problem, source=table_name, window=f"load {load_id}", remedy=remedy)


def table_of(home: Home, load_id: str) -> str:
    """The table of a load that left something in quarantine. Raises `QuarantineError` if none did."""
    if LOAD_ID.fullmatch(load_id):
        for name in RAW_TABLES:
            if rows_path(home, name, load_id).exists() or batch_path(home, name, load_id).exists():
                return name
    raise QuarantineError(
        f"no load {load_id[:40]!r} has left anything there",
        source="quarantine",
        remedy="`observatory quarantine list` shows the loads that have.",
    )


def open_rows(home: Home, item: Item) -> list[QuarantinedRow]:
    """The open rows of an item, by row number; of a batch, the rows that broke a rule."""
    path = rows_path(home, item.table_name, item.load_id)
    if not path.exists():
        return []
    return list(_rows(path, _decided_rows(home, item)))


def rows_of_load(home: Home, table_name: str, load_id: str) -> list[QuarantinedRow]:
    """All rows that a load left in quarantine, whatever was decided on them, by row number."""
    path = rows_path(home, table_name, load_id)
    return list(_rows(path, set())) if path.exists() else []


def discarded_folder(home: Home, table_name: str) -> Path:
    """Where the notes of what was discarded are, a file a decision."""
    return home.quarantine / DISCARDED / table_name


def release_of(content: bytes) -> dict[str, Any]:
    """The fields of an object of `Format.RELEASE`; see `ingestion.release`."""
    fields: dict[str, Any] = json.loads(content)
    return fields


# --- what is open ---------------------------------------------------------------------------------


def _open_of_table(home: Home, table_name: str) -> list[Item]:
    if not (home.quarantine / table_name).is_dir():
        return []
    received = receipts(home, table_name)
    decided = _decided(home, table_name, received)
    items = (_open_item(home, receipt, decided) for receipt in _standing(received).values())
    return [item for item in items if item]


def _standing(received: Sequence[Receipt]) -> dict[str, Receipt]:
    """Receipts whose place no later one has taken, by load. Of a day of an upstream there is one only."""
    last = {receipt.source: receipt for receipt in received if receipt.owns_all_days}
    return {r.load_id: r for r in received if last.get(r.source, r) is r}


def _open_item(home: Home, receipt: Receipt, decided: _Decided) -> Item | None:
    note = batch_path(home, receipt.table_name, receipt.load_id)
    # A release that is held has no row that is fit: its rows are open one by one.
    if note.exists() and receipt.format is not Format.RELEASE:
        if receipt.load_id in decided.batches:
            return None
        held = json.loads(note.read_bytes())
        return Item(receipt, True, held["rows_in"], (held["reason"],))
    path = rows_path(home, receipt.table_name, receipt.load_id)
    if not path.exists():
        return None
    rows, reasons = _counted(path, decided.rows.get(receipt.source, set()))
    return Item(receipt, False, rows, reasons) if rows else None


def _counted(path: Path, decided: set[str]) -> tuple[int, tuple[str, ...]]:
    """How many rows of a file are open, and why they are there."""
    opened = 'SELECT reasons FROM read_parquet($path) WHERE NOT list_contains($decided, sha256("row"))'
    with connection() as con:
        given = {"path": str(path), "decided": sorted(decided)}
        (rows,) = con.execute(f"SELECT count(*) FROM ({opened})", given).fetchall()[0]
        reasons = con.execute(
            f"SELECT reason, count(*) AS rows FROM (SELECT unnest(reasons) AS reason FROM ({opened})) "
            f"GROUP BY reason ORDER BY rows DESC, reason LIMIT {LISTED_REASONS}",
            given,
        ).fetchall()
    return int(rows), tuple(f"{reason} ({count})" for reason, count in reasons)


def _rows(path: Path, decided: set[str]) -> Iterator[QuarantinedRow]:
    with connection() as con:
        found = con.execute(
            'SELECT row_number, reasons, "row" FROM read_parquet($path) '
            'WHERE NOT list_contains($decided, sha256("row")) ORDER BY row_number',
            {"path": str(path), "decided": sorted(decided)},
        ).fetchall()
    for number, reasons, text in found:
        yield QuarantinedRow(number, tuple(reasons), text)


# --- what was decided -----------------------------------------------------------------------------


def _decided_rows(home: Home, item: Item) -> set[str]:
    received = receipts(home, item.table_name)
    return _decided(home, item.table_name, received).rows.get(item.receipt.source, set())


def _decided(home: Home, table_name: str, received: Sequence[Receipt]) -> _Decided:
    decided = _Decided()
    for receipt in received:
        if receipt.releases is None:
            continue
        told = f"it was released as load {receipt.load_id}"
        if receipt.format is Format.RELEASE:
            fields = release_of(object_path(home, receipt.digest).read_bytes())
            _note(decided, fields["releases"], fields["source"], [r["was"] for r in fields["rows"]], told)
        else:
            decided.batches[receipt.releases] = told
    for path in sorted(discarded_folder(home, table_name).glob("*.json")):
        note = json.loads(path.read_bytes())
        told = f"it was discarded on {note['discarded_at'][:10]} ({note['reason']})"
        if note["rows"] is None:
            decided.batches[note["load_id"]] = told
        else:
            _note(decided, note["load_id"], note["source"], note["rows"], told)
    return decided


def _note(decided: _Decided, load_id: str, source: str, digests: Iterable[str], told: str) -> None:
    decided.rows.setdefault(source, set()).update(digests)
    decided.last[load_id] = told
