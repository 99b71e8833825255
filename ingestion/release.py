"""Lets out of quarantine what a person has looked at: rows, corrected or as they are, and whole batches.

Belongs here: the file to correct, the receipt of a release, and what is discarded. Does not belong here:
the load itself. A release is received like anything else and goes the one way into the lake
(`ingestion.load`): it is checked again, critical rules hold for it too, and what still breaks one is in
quarantine as its own.

Where the rows of a release land:

- Rows, and batches of imports and of days of upstreams, are merged by key into the source `released`, which
  no other load touches: the next load of where they came from does not undo them. They keep their provenance,
  the moment at which they were seen and, for an upstream, the day; staging prefers them to a row of the same
  key that was seen at the same moment, and a later observation to both.
- A batch of a source whose loads own all days (a case) is put in its place: it is that source's batch.
- The watchlist is not released: it is a file that is edited.

A release is one receipt, written in one step, whose name follows from what it releases: done twice it is one,
and killed half-way it is there or not. Nothing in quarantine is changed (`ingestion.waiting`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ingestion.archive import (
    RELEASED_SOURCE,
    Format,
    Receipt,
    object_path,
    receipts,
    store,
    store_chunks,
    write_receipt,
)
from ingestion.contract import OBSERVED_AT, Column, ColumnType, RawTable
from ingestion.effects import Clock, in_utc, locked, write_durably
from ingestion.errors import QuarantineError, UnreadableInputError
from ingestion.quarantine import QuarantinedRow
from ingestion.readers import BrokenRow, Rows, read, rows_from_records
from ingestion.settings import Home
from ingestion.strangers import FORMATS
from ingestion.tables import RAW_TABLES
from ingestion.waiting import Item, discarded_folder, find, open_rows, release_of, table_of

ROW_NUMBER, REASONS, GIVEN = "row_number", "reasons", "given"
CORRECTION_COLUMNS = (
    Column(ROW_NUMBER, ColumnType.TEXT, "Names the row. Leave it."),
    Column(REASONS, ColumnType.TEXT, "Why the row is in quarantine; not read again."),
    Column(GIVEN, ColumnType.TEXT, "What was given, where it fits no columns; not read again."),
)
"""What stands beside the table's own columns in a file to correct."""

NUMBER_LIKE = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
LISTED_NUMBERS = 10
RELEASED_FROM = " released from "
MEND = "Mend it, or write it again with `observatory quarantine correct`."


# --- the file to correct --------------------------------------------------------------------------


def corrections(home: Home, item: Item) -> tuple[list[str], list[dict[str, str | None]]]:
    """Columns and open rows of an item as a person corrects them: number, reasons, and what was given.

    What fits no columns stands in `given`, with empty columns to fill in.
    """
    table = RAW_TABLES[item.table_name]
    names = [*table.column_names, *({OBSERVED_AT.name} - set(table.column_names))]
    records = [_correction(row, names) for row in open_rows(home, item)]
    ours = [ROW_NUMBER, REASONS, *([GIVEN] if any(record[GIVEN] for record in records) else [])]
    shown = [*ours, *(name for name in names if name != OBSERVED_AT.name or any(r[name] for r in records))]
    return shown, [{name: record[name] for name in shown} for record in records]


def write_corrections(home: Home, load_id: str, to: Path) -> int:
    """Writes what is open of a load to `to` (`.csv` or `.jsonl`), and gives the number of rows.

    Of a batch, writes the file as it was received, or what an upstream said as rows. Raises `QuarantineError`
    for another ending than the file's, for one that is there, and where nothing of the load is open.
    """
    item = find(home, load_id)
    _refuse_watchlist(item)
    _refuse(to.exists(), "is there already", str(to), "Give a name that is free.")
    if item.is_batch:
        return _write_batch(home, item, to)
    names, records = corrections(home, item)
    to.write_bytes(_as_file(names, records, to))
    return len(records)


def _correction(row: QuarantinedRow, names: Sequence[str]) -> dict[str, str | None]:
    record = _flat(row.row, names)
    ours = {ROW_NUMBER: str(row.row_number), REASONS: "; ".join(row.reasons)}
    return {**ours, GIVEN: None if record else row.row, **dict.fromkeys(names), **(record or {})}


def _flat(text: str, names: Sequence[str]) -> dict[str, str | None] | None:
    """A row as it fits the columns of its table, or None."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and set(value) <= set(names) else None


def _write_batch(home: Home, item: Item, to: Path) -> int:
    from ingestion.load import parse

    table, receipt = RAW_TABLES[item.table_name], item.receipt
    if receipt.format in (Format.CSV, Format.JSON_LINES, Format.PARQUET):
        _refuse(
            FORMATS.get(to.suffix.lower()) is not receipt.format,
            f"cannot hold {receipt.file_name}, which is given as it was received",
            str(to),
            f"Let its name end in .{receipt.format}.",
        )
        to.write_bytes(object_path(home, receipt.digest).read_bytes())
        return item.rows
    rows = parse(home, table, receipt)
    given = rows.frame.astype(object)
    values = given.where(given.notna(), None)
    records = [
        dict(zip(values.columns, row, strict=True)) for row in values.itertuples(index=False, name=None)
    ]
    to.write_bytes(_as_file(list(values.columns), records, to))
    return len(records)


def _as_file(names: Sequence[str], records: Sequence[Mapping[str, str | None]], to: Path) -> bytes:
    if FORMATS.get(to.suffix.lower()) is Format.JSON_LINES:
        lines = [json.dumps(dict(record), ensure_ascii=False) + "\n" for record in records]
        return "".join(lines).encode()
    _refuse(
        FORMATS.get(to.suffix.lower()) is not Format.CSV,
        "is of a kind that is not written",
        str(to),
        "Let its name end in .csv or .jsonl.",
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _guarded(value) for name, value in record.items()} for record in records)
    return text.getvalue().encode()


def _guarded(value: str | None) -> str | None:
    """A cell that a spreadsheet shows and does not calculate. A sign alone is no formula."""
    if value is None or len(value) < 2 or not value.startswith((*FORMULA_STARTS, "'")):
        return value
    if NUMBER_LIKE.fullmatch(value):
        return value
    return f"'{value}"


def _unguarded(value: str | None) -> str | None:
    if value is None or not value.startswith("'"):
        return value
    return value[1:] if value[1:].startswith((*FORMULA_STARTS, "'")) else value


# --- releasing ------------------------------------------------------------------------------------


def release(
    home: Home, load_id: str, now: Clock, *, rows: Sequence[int] = (), corrected: Path | None = None
) -> Receipt:
    """Receives what is open of a load again, for the next load of its table, and gives the receipt.

    `corrected`: a file that `write_corrections` wrote and a person edited; rows that it lacks stay where they
    are. `rows`: numbers of the rows to release; without any, all that are in the file, or all that are open.
    A batch goes as a whole. Asked the same again, gives the receipt that is there. Raises `QuarantineError`,
    and `UnreadableInputError` for a file that cannot be read.
    """
    table_name = table_of(home, load_id)
    asked = sorted(set(rows))
    with locked(home, f"release/{table_name}"):
        stored = _stored(home, corrected) if corrected else None
        known = _known(home, table_name, load_id, asked, stored.digest if stored else None)
        if known:
            return known
        item = find(home, load_id)
        _refuse_watchlist(item)
        if item.is_batch:
            _refuse(bool(asked), "is held as a whole", _name(item), "Release it without row numbers.")
            receipt = _receipt_of_batch(home, item, stored, now())
        else:
            receipt = _receipt_of_rows(home, item, asked, stored, now())
        write_receipt(home, receipt)
    return receipt


@dataclass(frozen=True)
class _Corrected:
    """A file that a person has edited, in the archive."""

    name: str
    format: Format
    digest: str


def _stored(home: Home, path: Path) -> _Corrected:
    format = FORMATS.get(path.suffix.lower())
    if format is None or not path.is_file():
        raise QuarantineError(
            "is no file of corrections",
            source=str(path),
            remedy="Give the CSV or JSON Lines file that `observatory quarantine correct` wrote.",
        )
    with path.open("rb") as content:
        return _Corrected(path.name, format, store(home, content, path.name).digest)


def _known(
    home: Home, table_name: str, load_id: str, asked: Sequence[int], corrections_digest: str | None
) -> Receipt | None:
    """The receipt of an earlier release that was asked for in the same words, if that left nothing open."""
    if not asked and corrections_digest is None and _is_open(home, load_id):
        return None
    for receipt in reversed(receipts(home, table_name)):
        if receipt.releases != load_id:
            continue
        if receipt.format is not Format.RELEASE:
            if corrections_digest in (None, receipt.digest):
                return receipt
            continue
        fields = release_of(object_path(home, receipt.digest).read_bytes())
        if (fields["asked"], fields["corrections"]) == (list(asked), corrections_digest):
            return receipt
    return None


def _is_open(home: Home, load_id: str) -> bool:
    try:
        find(home, load_id)
    except QuarantineError:
        return False
    return True


def _receipt_of_batch(home: Home, item: Item, corrected: _Corrected | None, now: datetime) -> Receipt:
    held, table = item.receipt, RAW_TABLES[item.table_name]
    digest, format = (corrected.digest, corrected.format) if corrected else (held.digest, held.format)
    if corrected:
        read(object_path(home, digest), format, table, corrected.name)  # what cannot be read is told at once
    return _receipt(item, digest, format, held.source if held.owns_all_days else RELEASED_SOURCE, now)


def _receipt_of_rows(
    home: Home, item: Item, asked: Sequence[int], corrected: _Corrected | None, now: datetime
) -> Receipt:
    there = {row.row_number: row for row in open_rows(home, item)}
    records = _corrected_records(home, item, corrected) if corrected else {}
    numbers = list(asked) or sorted(records if corrected else there)
    _refuse_numbers(item, [n for n in numbers if n not in there], "not open")
    _refuse_numbers(item, [n for n in numbers if corrected and n not in records], "not in the file")
    _refuse(not numbers, "the file has no row", _name(item), "Leave the rows in it that are to be released.")
    fields = {
        "releases": item.load_id,
        "source": item.receipt.source,
        "asked": list(asked),
        "corrections": corrected.digest if corrected else None,
        "rows": [
            {
                "row_number": number,
                "was": hashlib.sha256(there[number].row.encode()).hexdigest(),
                "given": there[number].row,
                "corrected": records.get(number),
            }
            for number in numbers
        ],
    }
    content = (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()
    digest = store_chunks(home, [content]).digest
    return _receipt(item, digest, Format.RELEASE, RELEASED_SOURCE, now)


def _receipt(item: Item, digest: str, format: Format, source: str, now: datetime) -> Receipt:
    held = item.receipt
    parts = ("release", item.table_name, item.load_id, digest)
    name = f"{held.file_name.split(RELEASED_FROM)[0]}{RELEASED_FROM}{item.load_id}"
    return Receipt(
        load_id=hashlib.sha256("|".join(parts).encode()).hexdigest()[:16],
        source=source,
        provenance=held.provenance,
        table_name=item.table_name,
        file_name=name,
        digest=digest,
        format=format,
        received_at=in_utc(now),
        observed_at=held.observed_at,
        day=held.day,
        releases=item.load_id,
    )


def _corrected_records(
    home: Home, item: Item, corrected: _Corrected
) -> dict[int, dict[str, str | None] | None]:
    """Rows of a corrected file by number; None for one whose columns are as empty as they were."""
    table = RAW_TABLES[item.table_name]
    wider = replace(table, columns=(*table.columns, *CORRECTION_COLUMNS))
    rows = read(object_path(home, corrected.digest), corrected.format, wider, corrected.name)
    _refuse(
        bool(rows.unknown), f"has columns that are unknown: {', '.join(rows.unknown)}", corrected.name, MEND
    )
    if rows.broken:
        raise UnreadableInputError(rows.broken[0].reason, source=corrected.name, remedy=MEND)
    _refuse(ROW_NUMBER not in rows.frame.columns, f"has no column {ROW_NUMBER}", corrected.name, MEND)
    given = rows.frame.astype(object)
    found: dict[int, dict[str, str | None] | None] = {}
    for record in given.where(given.notna(), None).to_dict(orient="records"):
        number = _number(record.pop(ROW_NUMBER), corrected.name)
        _refuse(number in found, f"has row {number} twice", corrected.name, MEND)
        own = {str(n): v for n, v in record.items() if n not in (REASONS, GIVEN)}
        if corrected.format is Format.CSV:
            own = {name: _unguarded(value) for name, value in own.items()}
        found[number] = own if any(own.values()) else None
    return found


def _number(text: str | None, name: str) -> int:
    plain = (text or "").strip().removesuffix(".0")
    _refuse(not plain.isdecimal(), f"has {text!r} for a {ROW_NUMBER}", name, MEND)
    return int(plain)


def rows_of_release(content: bytes, table: RawTable) -> Rows:
    """The rows of an object of `Format.RELEASE`, each under the number that it had in its load."""
    names = {*table.column_names, OBSERVED_AT.name}
    records: dict[int, Mapping[str, str | None]] = {}
    broken: list[BrokenRow] = []
    for row in release_of(content)["rows"]:
        record = row["corrected"] or _flat(row["given"], sorted(names))
        if record:
            records[row["row_number"]] = record
        else:
            broken.append(BrokenRow(row["row_number"], "the row fits no columns", row["given"]))
    frame = rows_from_records(list(records.values()), table).frame
    return Rows(frame.set_axis(list(records)), tuple(broken), ())


# --- discarding -----------------------------------------------------------------------------------


def discard(home: Home, load_id: str, now: Clock, *, reason: str, rows: Sequence[int] = ()) -> int:
    """Notes that what is open of a load, or the rows with these numbers, is not worth releasing.

    It stays where it is, and is not open any more, also when its source brings it again. Gives the number of
    rows. Raises `QuarantineError`.
    """
    table_name = table_of(home, load_id)
    _refuse(not reason.strip(), "needs a reason", f"load {load_id}", "Say why nobody will want it.")
    with locked(home, f"release/{table_name}"):
        item = find(home, load_id)
        chosen: list[str] | None = None
        if not item.is_batch:
            there = {row.row_number: row for row in open_rows(home, item)}
            _refuse_numbers(item, [n for n in rows if n not in there], "not open")
            texts = [row.row for number, row in there.items() if not rows or number in rows]
            chosen = sorted({hashlib.sha256(text.encode()).hexdigest() for text in texts})
        _refuse(item.is_batch and bool(rows), "is held as a whole", _name(item), "Leave the row numbers out.")
        note = {
            "load_id": load_id,
            "source": item.receipt.source,
            "rows": chosen,
            "reason": reason.strip(),
            "discarded_at": in_utc(now()).isoformat(),
        }
        name = hashlib.sha256(json.dumps([load_id, chosen]).encode()).hexdigest()[:16]
        content = json.dumps(note, indent=1, ensure_ascii=False) + "\n"
        write_durably(discarded_folder(home, table_name) / f"{load_id}-{name}.json", content.encode())
    return item.rows if item.is_batch else len(texts)


# --- refusing -------------------------------------------------------------------------------------


def _name(item: Item) -> str:
    return f"load {item.load_id} of {item.table_name}"


def _refuse(condition: bool, problem: str, source: str, remedy: str) -> None:
    if condition:
        raise QuarantineError(problem, source=source, remedy=remedy)


def _refuse_numbers(item: Item, numbers: Sequence[int], what: str) -> None:
    told = ", ".join(str(number) for number in numbers[:LISTED_NUMBERS])
    more = ", ..." if len(numbers) > LISTED_NUMBERS else ""
    remedy = f"`observatory quarantine show {item.load_id}` shows the rows that are open."
    _refuse(bool(numbers), f"rows are {what}: {told}{more}", _name(item), remedy)


def _refuse_watchlist(item: Item) -> None:
    _refuse(
        item.receipt.format is Format.WATCHLIST,
        "comes from the watchlist, which is no load to release",
        _name(item),
        "Edit watchlist.yaml, and run again.",
    )
