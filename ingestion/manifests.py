"""A day of an upstream: which captures make it, and their rows for one table.

Belongs here: the manifest, an object of the archive that names the captures of one source and day, the reader
and the watchlist; and the rows that follow from it. Does not belong here: asking and loading.

An upstream is asked several times a day, and says much of what it says again. Of rows with the same key from
different answers, one stands for all: what an answer repeats, was seen when it was first said; where it says
something else, the later answer is right. Where answers are whole (`Source.answers_are_whole`: prices, which
are adjusted backwards all at once), what a later one leaves out is gone too; one without any row takes
nothing back. Rows with the same key in ONE answer are left to the check. How many rows gave way is told with
the load; they are not counted as rows in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

from ingestion.archive import Receipt, Stored, object_path, store_chunks
from ingestion.captures import Capture, capture_named
from ingestion.contract import OBSERVED_AT, RawTable
from ingestion.errors import ObservatoryError, UnreadableInputError
from ingestion.parsed import Reader
from ingestion.readers import MAX_ROWS, BrokenRow, Rows, as_text, rows_from_columns
from ingestion.settings import Home
from ingestion.source import Broken, Row, WrongAnswerError
from ingestion.watchlist import Watchlist

Key = tuple[str, ...]
Values = tuple[str | None, ...]


@dataclass(frozen=True)
class Manifest:
    """The captures of one source and day, by id, and what they are read with."""

    source: str
    day: date
    reader: str
    watchlist: str
    captures: tuple[str, ...]


def store_watchlist(home: Home, watchlist: Watchlist) -> str:
    """Keeps the watchlist that answers are read with; gives its SHA-256."""
    return store_chunks(home, [watchlist.model_dump_json(indent=1).encode()]).digest


def store_manifest(home: Home, reader: Reader, day: date, captures: Iterable[Capture]) -> Stored:
    """Keeps what makes a day. The same captures, read the same way, are the same object."""
    fields = {
        "source": reader.source.name,
        "day": str(day),
        "reader": reader.fingerprint,
        "watchlist": reader.watchlist_digest,
        "captures": [capture.id for capture in captures],
    }
    return store_chunks(home, [(json.dumps(fields, indent=1) + "\n").encode()])


def rows_of_day(home: Home, receipt: Receipt, table: RawTable) -> Rows:
    """Rows of all captures of the day, in the order in which they were made, each with its `observed_at`.

    Raises `UnreadableInputError` for a capture that its reader no longer reads, and `ObservatoryError` where
    the archive has lost something.
    """
    manifest = _manifest(home, receipt)
    reader = _reader(home, manifest, receipt)
    gathered = _Gathered(table, reader.source.answers_are_whole)
    for name in manifest.captures:
        try:
            capture = capture_named(home, manifest.source, manifest.day, name)
            parsed = reader.read(capture)
        except FileNotFoundError as error:
            raise _lost(receipt, f"the capture {name}") from error
        except WrongAnswerError as error:
            raise UnreadableInputError(
                f"{capture.request.url} can no longer be read: {error}",
                source=receipt.file_name,
                remedy=f"Mend the reader, then `observatory reparse --source {manifest.source} "
                f"--from {manifest.day} --to {manifest.day}`.",
            ) from error
        pieces = [piece for piece in parsed.broken if piece.table == table.name]
        gathered.add(capture, parsed.rows.get(table.name, ()), pieces)
    return gathered.as_rows(receipt)


@dataclass
class _Gathered:
    """Rows of the answers so far, as values in the order of `names`.

    A day may have hundreds of thousands that say nearly the same, so each text is kept once.
    """

    table: RawTable
    answers_are_whole: bool
    by_key: dict[Key, tuple[Values, ...]] = field(default_factory=dict)
    without_key: list[Values] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    unknown: dict[str, None] = field(default_factory=dict)
    keys_of_subject: dict[object, set[Key]] = field(default_factory=dict)
    texts: dict[str | None, str | None] = field(default_factory=dict)
    repeated: int = 0
    replaced: int = 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns of the contract, and `observed_at` at the end."""
        return (*(name for name in self.table.column_names if name != OBSERVED_AT.name), OBSERVED_AT.name)

    def add(self, capture: Capture, rows: Sequence[Row], broken: Sequence[Broken]) -> None:
        """Adds what one answer says."""
        observed_at = capture.fetched_at.isoformat(timespec="microseconds")
        known = set(self.names)
        said: dict[Key, tuple[Values, ...]] = {}
        for row in rows:
            self.unknown.update(dict.fromkeys(row.keys() - known))
            values = self._values(row, observed_at)
            key = self._key(values)
            if key is None:
                self.without_key.append(values)
            else:
                said[key] = (*said.get(key, ()), values)
        if self.answers_are_whole and said:
            self._take_back(capture, set(said))
        for key, now in said.items():
            before = self.by_key.get(key, ())
            if before and _content(before) == _content(now):
                self.repeated += len(now)
            else:
                self.replaced += len(before)
                self.by_key[key] = now
        for piece in broken:
            place: dict[str, Any] = {"url": capture.request.url, "fetched_at": observed_at}
            place |= {"position": piece.position, "piece": piece.text}
            self.broken.append((piece.reason, json.dumps(place, ensure_ascii=False)))

    def _take_back(self, capture: Capture, keys: set[Key]) -> None:
        """Removes what earlier answers about the same thing said and this one, with `keys`, does not."""
        subject = tuple(sorted(capture.request.labels.items()))
        for key in self.keys_of_subject.get(subject, set()) - keys:
            self.replaced += len(self.by_key.pop(key))
        self.keys_of_subject[subject] = keys

    def as_rows(self, receipt: Receipt) -> Rows:
        """All of it, numbered: rows first, then what is no row."""
        records = [*chain.from_iterable(self.by_key.values()), *self.without_key]
        if len(records) + len(self.broken) > MAX_ROWS:
            raise UnreadableInputError(
                f"has more than {MAX_ROWS} rows of {self.table.name}",
                source=receipt.file_name,
                remedy="Ask this source for less a day.",
            )
        columns = {name: [values[place] for values in records] for place, name in enumerate(self.names)}
        rows = rows_from_columns(columns, len(records))
        broken = tuple(
            BrokenRow(number, reason, text)
            for number, (reason, text) in enumerate(self.broken, start=len(records) + 1)
        )
        remarks = []
        if self.repeated:
            remarks.append(f"rows that later answers said again: {self.repeated}")
        if self.replaced:
            remarks.append(f"rows that gave way to what later answers say: {self.replaced}")
        return Rows(rows.frame, broken, tuple(self.unknown), tuple(remarks))

    def _values(self, row: Row, observed_at: str) -> Values:
        *own, seen_at = (as_text(row.get(name)) for name in self.names)
        return tuple(self.texts.setdefault(text, text) for text in (*own, seen_at or observed_at))

    @cached_property
    def _places_of_key(self) -> tuple[int, ...]:
        return tuple(self.names.index(name) for name in self.table.key)

    def _key(self, values: Values) -> Key | None:
        key = tuple(value for place in self._places_of_key if (value := values[place]) is not None)
        return key if len(key) == len(self._places_of_key) else None


def _content(rows: Sequence[Values]) -> list[Values]:
    """What rows say, whenever they were seen."""
    return [values[:-1] for values in rows]


def _manifest(home: Home, receipt: Receipt) -> Manifest:
    try:
        fields: dict[str, Any] = json.loads(object_path(home, receipt.digest).read_bytes())
    except FileNotFoundError as error:
        raise _lost(receipt, f"the manifest {receipt.digest}") from error
    return Manifest(
        source=fields["source"],
        day=date.fromisoformat(fields["day"]),
        reader=fields["reader"],
        watchlist=fields["watchlist"],
        captures=tuple(fields["captures"]),
    )


def _reader(home: Home, manifest: Manifest, receipt: Receipt) -> Reader:
    from ingestion.sources import SOURCES

    if manifest.source not in SOURCES:
        raise ObservatoryError(
            f"the source {manifest.source} is not registered",
            source=receipt.file_name,
            remedy="Register it again in ingestion/sources.",
        )
    path = object_path(home, manifest.watchlist)
    if not path.exists():
        raise _lost(receipt, f"the watchlist {manifest.watchlist}")
    watchlist = _watchlist(path.read_bytes())
    return Reader(home, SOURCES[manifest.source], watchlist, manifest.watchlist)


@lru_cache(maxsize=4)
def _watchlist(content: bytes) -> Watchlist:
    """Kept for the next table: all of a run were read with the same one."""
    return Watchlist.model_validate_json(content)


def _lost(receipt: Receipt, what: str) -> ObservatoryError:
    return ObservatoryError(
        f"the archive has lost {what}",
        source=receipt.file_name,
        remedy="Restore the archive from a copy, or ask the upstream again.",
    )
