"""Keeps what was received, as received, and a receipt of each.

Belongs here: the content-addressed store `archive/objects/ab/<sha-256>` and the receipts
`archive/receipts/<table>/<load id>.json`. Does not belong here: where bytes come from
(`ingestion.inbox`) and what they mean (`ingestion.readers`).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from ingestion.effects import ensure_folder, in_utc, replace_durably, write_durably
from ingestion.errors import RejectedFileError
from ingestion.settings import Home

MAX_BYTES = 512 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
ABANDONED_AFTER = timedelta(days=1)
"""A temporary file of the archive that is older belongs to nobody."""

IMPORT_SOURCE = "import"
"""The source whose loads are merged by key; loads of all others own every day of their table."""


class Format(StrEnum):
    """How the bytes of an object are to be read."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    WATCHLIST = "watchlist"


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

    The last three fields tell of the last completed load: what it was checked with, its verdict and how
    many rows it published.
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

    @property
    def owns_all_days(self) -> bool:
        """Whether a load replaces all days of its source and table, or is merged by key."""
        return self.source != IMPORT_SOURCE


@dataclass(frozen=True)
class Stored:
    """An object of the archive."""

    digest: str
    size: int


def store(home: Home, stream: BinaryIO, file_name: str) -> Stored:
    """Copies `stream` to the archive and gives its SHA-256. An object that is there is kept.

    Raises `RejectedFileError` beyond `MAX_BYTES`.
    """
    ensure_folder(home.archive / "incoming")
    temporary = home.archive / "incoming" / f"{os.getpid()}-{secrets.token_hex(8)}"
    try:
        stored = _copy(stream, temporary, file_name)
        final = object_path(home, stored.digest)
        if not final.exists():
            ensure_folder(final.parent)
            temporary.chmod(0o444)
            replace_durably(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
    return stored


def _copy(stream: BinaryIO, temporary: Path, file_name: str) -> Stored:
    digest, size = hashlib.sha256(), 0
    with temporary.open("xb") as copy:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_BYTES:
                raise RejectedFileError(
                    f"is larger than {MAX_BYTES // 1024**2} MiB", source=file_name, remedy="Split the file."
                )
            digest.update(chunk)
            copy.write(chunk)
    return Stored(digest.hexdigest(), size)


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
    origin: Origin, table_name: str, digest: str, *, file_name: str, format: Format, now: datetime
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
    )


def write_receipt(home: Home, receipt: Receipt) -> None:
    """Writes a receipt, or what has become of it."""
    fields = asdict(receipt)
    for name in ("received_at", "observed_at"):
        fields[name] = fields[name].isoformat(timespec="microseconds")
    content = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    write_durably(_receipts_folder(home, receipt.table_name) / f"{receipt.load_id}.json", content.encode())


def receipts(home: Home, table_name: str) -> list[Receipt]:
    """All receipts for a table, in the order in which they were received."""
    found = [_read_receipt(path) for path in _receipts_folder(home, table_name).glob("*.json")]
    return sorted(found, key=lambda receipt: (receipt.received_at, receipt.file_name, receipt.load_id))


def set_state(home: Home, receipt: Receipt, state: ReceiptState) -> Receipt:
    """Writes `receipt` with another state, and gives it."""
    changed = replace(receipt, state=state)
    write_receipt(home, changed)
    return changed


def _receipts_folder(home: Home, table_name: str) -> Path:
    return home.archive / "receipts" / table_name


def _read_receipt(path: Path) -> Receipt:
    fields = json.loads(path.read_bytes())
    return Receipt(
        **{
            **fields,
            "format": Format(fields["format"]),
            "state": ReceiptState(fields["state"]),
            "received_at": datetime.fromisoformat(fields["received_at"]),
            "observed_at": datetime.fromisoformat(fields["observed_at"]),
        }
    )
