"""Receives files: from the inbox, from a path that somebody names, and the watchlist.

Belongs here: what is taken, what is left for later, what is rejected, and that nothing is lost between
the inbox and the archive. Does not belong here: reading what is in a file (`ingestion.readers`).

A file leaves the inbox only after its bytes and its receipt are on disk. A kill in between is healed by
the next time: the archive and the receipts know what they have.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ingestion.archive import (
    IMPORT_SOURCE,
    Format,
    Origin,
    Receipt,
    ReceiptState,
    new_receipt,
    object_path,
    receipts,
    remove_abandoned,
    store,
    write_receipt,
)
from ingestion.case import case_origin
from ingestion.effects import Clock, Step, ensure_folder, in_utc, locked, no_step
from ingestion.errors import RejectedFileError
from ingestion.lake import count_rows_of_load
from ingestion.loads import LoadRecord, Verdict, read_loads, write_load
from ingestion.settings import Home
from ingestion.strangers import (
    CASE_FILE,
    DOCUMENTS,
    Seen,
    StillWritten,
    check_name,
    held_open_for_writing,
    is_folder,
    is_ignored,
    is_unfinished,
    names_in,
    open_file,
    open_folder,
    seen,
    seen_at,
    shown,
    table_and_format,
)
from ingestion.tables import WATCHLIST_TABLES

IMPORT = Origin(source=IMPORT_SOURCE, provenance="import")
WATCHLIST = Origin(source="watchlist", provenance="watchlist")
UNKNOWN_TABLE = "unknown"
RECEIVING = "receive"
"""The lock: one process receives at a time."""
REJECTED = ".rejected"
TAKEN = ".taken-"
"""A case folder has this prefix while its archived files are removed."""
SETTLED_AFTER = timedelta(seconds=1)
"""Where the system does not tell who writes, a file that changed more recently is left for later."""

logger = logging.getLogger(__name__)


class _NotYetError(Exception):
    """Somebody is still at work on it: nothing is wrong, and nothing is taken."""


@dataclass(frozen=True)
class _Archived:
    """A file whose bytes are in the archive, and the state it was in."""

    name: str
    digest: str
    state: Seen


@dataclass(frozen=True)
class _Taken:
    """What came of a file or a case folder: new receipts, what is archived, and why it was rejected."""

    receipts: tuple[Receipt, ...] = ()
    archived: tuple[_Archived, ...] = ()
    rejected: RejectedFileError | None = None


@dataclass(frozen=True)
class _Desk:
    """What all receiving needs: where, when, and how to see that a file is finished."""

    home: Home
    now: Clock
    still_written: StillWritten
    step: Step
    once: bool = False


# --- the public functions -------------------------------------------------------------------------


def receive_inbox(
    home: Home,
    now: Clock,
    step: Step = no_step,
    still_written: StillWritten = held_open_for_writing,
) -> list[Receipt]:
    """Takes every complete file and case folder of the inbox, and gives the receipts of what is new.

    What is not complete stays for the next time. What cannot be taken is recorded (`rejections`), and never
    stops the rest. Content that is loaded already is removed from the inbox and gives no receipt. `step`
    hears `archived`, `received`, `set_aside` and `removed`.
    """
    desk = _Desk(home, now, still_written, step)
    ensure_folder(home.inbox)
    received: list[Receipt] = []
    with locked(home, RECEIVING), open_folder(home.inbox) as inbox:
        remove_abandoned(home, in_utc(now()))
        for name in names_in(inbox):
            if name.startswith(TAKEN) and is_folder(name, inbox):
                _remove_taken(desk, inbox, name)
            elif not is_ignored(name):
                received += _receive_entry(desk, inbox, name, may_be_folder=True)
    return received


def waiting(home: Home) -> list[str]:
    """Names of what lies in the inbox and was not taken: still being written, or not to be read at all."""
    if not home.inbox.is_dir():
        return []
    return sorted(shown(path.name) for path in home.inbox.iterdir() if path.name != REJECTED)


def receive_path(
    home: Home,
    path: Path,
    now: Clock,
    still_written: StillWritten = held_open_for_writing,
    *,
    once: bool = False,
) -> list[Receipt]:
    """Receives a file, a folder of files, or a case folder, and leaves it as it is.

    With `once`, content that its source has ever brought is not new, even if other content has come over it
    since: a bundled case does not undo a corrected one that somebody dropped.

    Raises `RejectedFileError`, after recording it, where the file or the case cannot be taken. Of a folder
    of files, those that cannot be taken are recorded (`rejections`), and the others taken.
    """
    desk = _Desk(home, now, still_written, no_step, once)
    if not path.exists():
        raise RejectedFileError("is not there", source=shown(str(path)), remedy="Check the path.")
    resolved = path.resolve()
    try:
        with (
            locked(home, RECEIVING),
            open_folder(resolved if resolved.is_dir() else resolved.parent) as folder,
        ):
            if not resolved.is_dir():
                taken = _take_file(desk, folder, resolved.name)
            elif CASE_FILE in names_in(folder):
                taken = _take_case(desk, folder, resolved.name)
            else:
                return _receive_named_folder(desk, folder)
    except _NotYetError as error:
        raise RejectedFileError(
            "is still being written, or has no file of a table yet",
            source=shown(path.name),
            remedy="Wait until it is finished.",
        ) from error
    if taken.rejected:
        raise taken.rejected
    return list(taken.receipts)


def receive_watchlist(home: Home, path: Path, now: Clock) -> list[Receipt]:
    """Receives the watchlist: a receipt for each of its tables, or none if it has not changed."""
    if not path.is_file():
        raise RejectedFileError("is not there", source=shown(str(path)), remedy="Check the path.")
    with locked(home, RECEIVING):
        with path.open("rb") as content:
            stored = store(home, content, path.name)
        desk = _Desk(home, now, held_open_for_writing, no_step)
        received_at = now()
        made = [
            new_receipt(
                WATCHLIST, name, stored.digest, file_name=path.name, format=Format.WATCHLIST, now=received_at
            )
            for name in WATCHLIST_TABLES
        ]
        return _write_new(desk, made)


def pending(home: Home, table_name: str) -> list[Receipt]:
    """What was received for a table and is not loaded, in the order in which it was received."""
    return [receipt for receipt in receipts(home, table_name) if receipt.state is ReceiptState.PENDING]


def rejections(home: Home, since: datetime) -> list[LoadRecord]:
    """Files that were not taken at all, at or after `since`."""
    floor = in_utc(since).replace(tzinfo=None)
    return [r for r in read_loads(home) if r.table_name == UNKNOWN_TABLE and r.received_at >= floor]


# --- the inbox ------------------------------------------------------------------------------------


def _receive_entry(desk: _Desk, folder: int, name: str, *, may_be_folder: bool) -> list[Receipt]:
    """Takes one entry of the inbox, or of a folder in it, out of there."""
    try:
        if not is_folder(name, folder):
            taken = _take_file(desk, folder, name)
        elif not may_be_folder:
            taken = _reject_folder(desk, name)
        else:
            return _receive_folder(desk, folder, name)
    except _NotYetError:
        logger.info("%s is still being written and is left for the next time", shown(name))
        return []
    except RejectedFileError as error:  # a folder that cannot be opened
        taken = _rejected(desk, name, error)
    except OSError as error:
        _rejected(desk, name, _not_kept(name, error))
        return []
    if taken.rejected and not taken.archived:
        _move_away(desk.home, folder, name)
    for archived in taken.archived:
        _remove(folder, archived)
    desk.step("removed")
    return list(taken.receipts)


def _not_kept(name: str, error: OSError) -> RejectedFileError:
    return RejectedFileError(
        f"cannot be read or kept ({error.strerror})",
        source=shown(name),
        remedy="Check the disk. It stays in the inbox, and the next run tries again.",
    )


def _receive_folder(desk: _Desk, inbox: int, name: str) -> list[Receipt]:
    """Takes a case folder as a whole; of another folder, each file for itself."""
    with open_folder(name, within=inbox) as folder:
        names = [entry for entry in names_in(folder) if not is_ignored(entry)]
        if CASE_FILE in names:
            taken = _take_case(desk, folder, name)
        else:
            received = [
                receipt
                for entry in names
                for receipt in _receive_entry(desk, folder, entry, may_be_folder=False)
            ]
            if names and not names_in(folder):
                os.rmdir(name, dir_fd=inbox)
            return received
    if taken.rejected:
        _move_away(desk.home, inbox, name)
    else:
        aside = TAKEN + secrets.token_hex(8)
        os.rename(name, aside, src_dir_fd=inbox, dst_dir_fd=inbox)
        desk.step("set_aside")
        _remove_taken(desk, inbox, aside)
    return list(taken.receipts)


def _remove_taken(desk: _Desk, inbox: int, aside: str) -> None:
    """Removes a case folder whose receipts are written. What came into it later is archived, too."""
    with open_folder(aside, within=inbox) as folder:
        for name in names_in(folder):
            try:
                _remove(folder, _archive(desk, folder, name))
            except (RejectedFileError, _NotYetError):
                _move_away(desk.home, folder, name)
        is_empty = not names_in(folder)
    if is_empty:
        os.rmdir(aside, dir_fd=inbox)
    desk.step("removed")


def _remove(folder: int, archived: _Archived) -> None:
    """Removes the file that was archived; one that has come under its name since stays."""
    if seen_at(archived.name, folder) == archived.state:
        os.unlink(archived.name, dir_fd=folder)


def _move_away(home: Home, folder: int, name: str) -> None:
    """Takes what cannot be archived out of the way, as it is: a link stays a link and is not followed."""
    if seen_at(name, folder) is None:
        return
    ensure_folder(home.inbox / REJECTED)
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in shown(name))[:60]
    with open_folder(home.inbox / REJECTED) as rejected:
        there = set(names_in(rejected))
        free = next(new for n in range(len(there) + 1) if (new := f"{n:04d}-{plain}") not in there)
        os.rename(name, free, src_dir_fd=folder, dst_dir_fd=rejected)


# --- one file -------------------------------------------------------------------------------------


def _take_file(desk: _Desk, folder: int, name: str) -> _Taken:
    """Archives a file and writes its receipt. Raises `_NotYetError` while somebody writes to it."""
    try:
        archived = _archive(desk, folder, name)
    except RejectedFileError as error:
        return _rejected(desk, name, error)
    desk.step("archived")
    try:
        table_name, format = table_and_format(name)
    except RejectedFileError as error:
        return _rejected(desk, name, error, archived)
    receipt = new_receipt(IMPORT, table_name, archived.digest, file_name=name, format=format, now=desk.now())
    return _Taken(tuple(_write_new(desk, [receipt])), (archived,))


def _archive(desk: _Desk, folder: int, name: str) -> _Archived:
    """Copies a finished file to the archive.

    Raises `_NotYetError` while somebody writes to it, or if it has been taken away meanwhile.
    """
    try:
        with open_file(name, folder) as file:
            state = seen(file.fileno())
            writing = desk.still_written(file.fileno())
            if writing or (writing is None and _changed_just_now(state, desk.now())):
                raise _NotYetError
            stored = store(desk.home, file, shown(name))
            if seen(file.fileno()) != state or stored.size != state.size:
                raise _NotYetError
    except FileNotFoundError as error:
        raise _NotYetError from error
    return _Archived(name, stored.digest, state)


def _changed_just_now(state: Seen, now: datetime) -> bool:
    age = timedelta(microseconds=in_utc(now).timestamp() * 1e6 - state.changed_ns / 1e3)
    return timedelta(0) <= age < SETTLED_AFTER


def _write_new(desk: _Desk, made: list[Receipt]) -> list[Receipt]:
    new = [receipt for receipt in made if not _is_known(desk.home, receipt, ever=desk.once)]
    for receipt in new:
        write_receipt(desk.home, receipt)
        desk.step("received")
    return new


def _is_known(home: Home, receipt: Receipt, *, ever: bool) -> bool:
    """Whether the same content is loaded, or waits to be loaded, and (but for `ever`) stands to this day.

    For a source whose loads own all days that is so if it came last. An import is known as long as all
    rows that it published are still in the lake. Contract and watchlist play no part: a load that they
    would judge otherwise today is checked again from the archive (`ingestion.load`).
    """
    same_source = [r for r in receipts(home, receipt.table_name) if r.source == receipt.source]
    if ever:
        return any(_says_the_same(earlier, receipt) for earlier in same_source)
    if receipt.owns_all_days:
        return bool(same_source) and _says_the_same(same_source[-1], receipt)
    return any(
        earlier.state is ReceiptState.PENDING or count_rows_of_load(home, earlier) == earlier.rows_published
        for earlier in same_source
        if _says_the_same(earlier, receipt)
    )


def _says_the_same(earlier: Receipt, later: Receipt) -> bool:
    """Same bytes, seen at the same time. Rows of other than cases are seen when they are received."""
    if (earlier.digest, earlier.format) != (later.digest, later.format):
        return False
    return later.observed_at in (earlier.observed_at, later.received_at)


# --- folders --------------------------------------------------------------------------------------


def _take_case(desk: _Desk, folder: int, folder_name: str) -> _Taken:
    """Archives a case as a whole and writes its receipts, or none.

    Raises `_NotYetError` while it is being written: while a file is, while one under an unfinished name
    lies there, before there is a table, or when anything changed while it was read.
    """
    names = names_in(folder)
    if any(is_unfinished(name) for name in names):
        raise _NotYetError
    files = [name for name in names if not is_ignored(name)]
    try:
        check_name(folder_name)
        tables = _tables_of_case(files)
        archived = {name: _archive(desk, folder, name) for name in files}
        desk.step("archived")
        if not tables or names_in(folder) != names or not _unchanged(folder, archived):
            raise _NotYetError
        content = object_path(desk.home, archived[CASE_FILE].digest).read_bytes()
        origin = case_origin(content, f"{folder_name}/{CASE_FILE}")
    except RejectedFileError as error:
        return _rejected(desk, folder_name, error)
    received_at = desk.now()
    made = [
        new_receipt(origin, table, archived[name].digest, file_name=name, format=format, now=received_at)
        for name, (table, format) in tables.items()
    ]
    return _Taken(tuple(_write_new(desk, made)), tuple(archived.values()))


def _tables_of_case(files: list[str]) -> dict[str, tuple[str, Format]]:
    """Table and format by file name. Raises `RejectedFileError` for other files, or a table given twice."""
    tables: dict[str, tuple[str, Format]] = {}
    for name in files:
        if name == CASE_FILE or name.lower().endswith(DOCUMENTS):
            check_name(name)
            continue
        table_name, format = table_and_format(name)
        twin = next((other for other, (table, _) in tables.items() if table == table_name), None)
        if twin:
            raise RejectedFileError(
                f"is a second file for {table_name}, beside {twin}",
                source=name,
                remedy="A case has one file a table: put both into one.",
            )
        tables[name] = (table_name, format)
    return tables


def _unchanged(folder: int, archived: dict[str, _Archived]) -> bool:
    return all(seen_at(name, folder) == file.state for name, file in archived.items())


def _receive_named_folder(desk: _Desk, folder: int) -> list[Receipt]:
    """The files of a folder that somebody names; documents beside them are none of our business."""
    received: list[Receipt] = []
    for name in names_in(folder):
        if is_folder(name, folder):
            _reject_folder(desk, name)
        elif not is_ignored(name) and not name.lower().endswith(DOCUMENTS):
            received += _take_file(desk, folder, name).receipts
    return received


# --- rejections -----------------------------------------------------------------------------------


def _reject_folder(desk: _Desk, name: str) -> _Taken:
    error = RejectedFileError(
        "is a folder in a folder", source=shown(name), remedy="Give its files one level higher."
    )
    return _rejected(desk, name, error)


def _rejected(desk: _Desk, name: str, error: RejectedFileError, archived: _Archived | None = None) -> _Taken:
    """Records in the ledger that a file is not taken; the same file on the same day gives the same row."""
    moment = in_utc(desk.now()).replace(tzinfo=None)
    digest = archived.digest if archived else None
    parts = (IMPORT_SOURCE, UNKNOWN_TABLE, digest or "", shown(name), str(moment.date()))
    record = LoadRecord(
        load_id=hashlib.sha256("|".join(parts).encode()).hexdigest()[:16],
        source=IMPORT_SOURCE,
        table_name=UNKNOWN_TABLE,
        file_name=shown(name),
        digest=digest,
        provenance=IMPORT.provenance,
        rows_in=0,
        rows_published=0,
        rows_quarantined=0,
        verdict=Verdict.FAILED,
        reason=str(error),
        days=0,
        received_at=moment,
        started_at=moment,
        finished_at=moment,
        duration_seconds=0.0,
    )
    write_load(desk.home, record)
    logger.warning("Not taken: %s", error)
    return _Taken(archived=(archived,) if archived else (), rejected=error)
