"""Keeps what was received, as received, and a receipt of each.

Belongs here: the content-addressed store `archive/objects/ab/<sha-256>` and the receipts
`archive/receipts/<table>/<load id>.json`, or `archive/receipts/<table>/<source>/<day>.json` for a day of an
upstream. Does not belong here: where bytes come from (`ingestion.inbox`, `ingestion.fetch`) and what they
mean (`ingestion.readers`).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from ingestion.effects import ensure_folder, in_utc, locked, replace_durably, write_durably
from ingestion.errors import RejectedFileError
from ingestion.settings import Home

MAX_BYTES = 512 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
ABANDONED_AFTER = timedelta(days=1)
"""A temporary file of the archive that is older belongs to nobody."""

IMPORT_SOURCE = "import"
RELEASED_SOURCE = "released"
"""What a person let out of quarantine (`ingestion.release`)."""
MERGED_SOURCES = (IMPORT_SOURCE, RELEASED_SOURCE)
"""Sources whose loads are merged by key; loads of all others own every day of their table, or one."""


class Format(StrEnum):
    """How the bytes of an object are to be read."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    WATCHLIST = "watchlist"
    CAPTURES = "captures"
    """A manifest of what an upstream answered for one day (`ingestion.manifests`)."""
    RELEASE = "release"
    """Rows that were released from quarantine (`ingestion.release`)."""


class ReceiptState(StrEnum):
    """`pending`: still to be loaded, or its last load failed; `done`: loaded, or held back for good."""

    PENDING = "pending"
    DONE = "done"


@dataclass(frozen=True)
class Origin:
    """Where a load comes from, and when its rows were seen unless they say so themselves.

    `observed_at` None: rows were seen when the file was received.
    """

    source: str
    provenance: str
    observed_at: datetime | None = None


@dataclass(frozen=True)
class Receipt:
    """What was received, when, from where, and for which table. Instants are in UTC.

    `checked_with`, `verdict` and `rows_published` tell of the last completed load: what it was checked with,
    its verdict and how many rows it published. `day`: for an upstream, the day that its rows belong to.
    `releases`: the load whose quarantine this one releases.
    """

    load_id: str
    source: str
    provenance: str
    table_name: str
    file_name: str
    digest: str
    format: Format
    received_at: datetime
    observed_at: datetime
    state: ReceiptState = ReceiptState.PENDING
    checked_with: str | None = None
    verdict: str | None = None
    rows_published: int = 0
    day: date | None = None
    releases: str | None = None

    @property
    def owns_all_days(self) -> bool:
        """Whether a load replaces all days of its source and table.

        If not, it replaces its `owned_day`, or, without one, is merged by key.
        """
        return self.source not in MERGED_SOURCES and self.day is None

    @property
    def owned_day(self) -> date | None:
        """The day that a load replaces: that of an upstream, unless the rows were released."""
        return None if self.source in MERGED_SOURCES else self.day


@dataclass(frozen=True)
class Stored:
    """An object of the archive."""

    digest: str
    size: int


def store(home: Home, stream: BinaryIO, file_name: str) -> Stored:
    """Copies `stream` to the archive and gives its SHA-256. An object that is there is kept.

    Raises `RejectedFileError` beyond `MAX_BYTES`.
    """
    return store_chunks(home, _chunks(stream, file_name))


def store_chunks(home: Home, chunks: Iterable[bytes]) -> Stored:
    """As `store`, for bytes that come in pieces. Whatever `chunks` raises is raised, and nothing is kept."""
    ensure_folder(home.archive / "incoming")
    temporary = home.archive / "incoming" / f"{os.getpid()}-{secrets.token_hex(8)}"
    try:
        digest, size = hashlib.sha256(), 0
        with temporary.open("xb") as copy:
            for chunk in chunks:
                size += len(chunk)
                digest.update(chunk)
                copy.write(chunk)
        stored = Stored(digest.hexdigest(), size)
        final = object_path(home, stored.digest)
        if not _is_young_again(final):
            ensure_folder(final.parent)
            temporary.chmod(0o444)
            replace_durably(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
    return stored


def _is_young_again(path: Path) -> bool:
    """Whether an object is there; its age then counts from now (`ingestion.retention`)."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _chunks(stream: BinaryIO, file_name: str) -> Iterator[bytes]:
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BYTES:
            raise RejectedFileError(
                f"is larger than {MAX_BYTES // 1024**2} MiB", source=file_name, remedy="Split the file."
            )
        yield chunk


def object_path(home: Home, digest: str) -> Path:
    """Where the bytes with this SHA-256 are."""
    return home.archive / "objects" / digest[:2] / digest


def remove_abandoned(home: Home, now: datetime) -> None:
    """Removes what killed processes left half copied."""
    for left in (home.archive / "incoming").glob("*"):
        try:
            changed = datetime.fromtimestamp(left.stat().st_mtime, UTC)
        except FileNotFoundError:
            continue  # another process has just finished with it
        if now - changed > ABANDONED_AFTER:
            left.unlink(missing_ok=True)


def load_id_of(source: str, table_name: str, digest: str, received_at: datetime) -> str:
    """Names a load: the same bytes, received at another time or for another table, are another load."""
    parts = (source, table_name, digest, in_utc(received_at).isoformat(timespec="microseconds"))
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def new_receipt(
    origin: Origin,
    table_name: str,
    digest: str,
    *,
    file_name: str,
    format: Format,
    now: datetime,
    day: date | None = None,
) -> Receipt:
    """A pending receipt, not yet written."""
    received_at = in_utc(now)
    return Receipt(
        load_id=load_id_of(origin.source, table_name, digest, received_at),
        source=origin.source,
        provenance=origin.provenance,
        table_name=table_name,
        file_name=file_name,
        digest=digest,
        format=format,
        received_at=received_at,
        observed_at=in_utc(origin.observed_at) if origin.observed_at else received_at,
        day=day,
    )


def write_receipt(home: Home, receipt: Receipt) -> None:
    """Writes a new receipt. That of a day of an upstream takes the place of the day's earlier one."""
    if receipt.owned_day is None:
        _write(home, receipt)
        return
    with locked(home, f"receipts/{receipt.table_name}"):
        _write(home, receipt)


def update_receipt(home: Home, receipt: Receipt) -> None:
    """Writes what has become of a receipt, unless a later one has taken its place."""
    if receipt.owned_day is None:
        _write(home, receipt)
        return
    with locked(home, f"receipts/{receipt.table_name}"):
        current = receipt_of_day(home, receipt.source, receipt.table_name, receipt.owned_day)
        if current is None or current.load_id == receipt.load_id:
            _write(home, receipt)


def _write(home: Home, receipt: Receipt) -> None:
    fields = asdict(receipt)
    for name in ("received_at", "observed_at"):
        fields[name] = fields[name].isoformat(timespec="microseconds")
    fields["day"] = receipt.day.isoformat() if receipt.day else None
    content = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    write_durably(_receipt_path(home, receipt), content.encode())


def receipts(home: Home, table_name: str) -> list[Receipt]:
    """All receipts for a table, in the order in which they were received."""
    found = [_read_receipt(path) for path in _receipts_folder(home, table_name).rglob("*.json")]
    return sorted(found, key=lambda receipt: (receipt.received_at, receipt.file_name, receipt.load_id))


def receipt_of_day(home: Home, source: str, table_name: str, day: date) -> Receipt | None:
    """The receipt of a day of an upstream, if there is one."""
    path = _receipts_folder(home, table_name) / source / f"{day}.json"
    return _read_receipt(path) if path.exists() else None


def set_state(home: Home, receipt: Receipt, state: ReceiptState) -> Receipt:
    """Writes `receipt` with another state, and gives it."""
    changed = replace(receipt, state=state)
    update_receipt(home, changed)
    return changed


def _receipts_folder(home: Home, table_name: str) -> Path:
    return home.archive / "receipts" / table_name


def _receipt_path(home: Home, receipt: Receipt) -> Path:
    folder = _receipts_folder(home, receipt.table_name)
    if receipt.owned_day:
        return folder / receipt.source / f"{receipt.owned_day}.json"
    return folder / f"{receipt.load_id}.json"


def _read_receipt(path: Path) -> Receipt:
    fields = json.loads(path.read_bytes())
    day = fields.get("day")
    return Receipt(
        **{
            **fields,
            "format": Format(fields["format"]),
            "state": ReceiptState(fields["state"]),
            "received_at": datetime.fromisoformat(fields["received_at"]),
            "observed_at": datetime.fromisoformat(fields["observed_at"]),
            "day": date.fromisoformat(day) if day else None,
        }
    )
