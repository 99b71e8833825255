"""Opens what strangers have dropped, without being led astray.

Belongs here: names that are safe, regular files only, no links, and whether somebody still writes. Does
not belong here: what becomes of a file (`ingestion.inbox`).

Files are opened relative to an open folder and without following links, so that nothing can be swapped
for a link between looking and opening.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingestion.archive import Format
from ingestion.errors import RejectedFileError
from ingestion.tables import RAW_TABLES, WATCHLIST_TABLES

CASE_FILE = "case.yaml"
SAFE_NAME = re.compile(r"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9 ._()+,=-]{0,150}")
HOSTILE = re.compile(r"\.\.|[%\\/\x00-\x1f\x7f]")
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".download", ".swp", "~")
APPLE_DOUBLE = "._"
DOCUMENTS = (".md", ".txt")
FORMATS = {
    ".csv": Format.CSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
}

StillWritten = Callable[[int], bool | None]
"""Says of an open file whether a process has it open for writing; None where the system does not tell."""


@dataclass(frozen=True)
class Seen:
    """What tells one state of a file from another."""

    device: int
    inode: int
    size: int
    changed_ns: int


def shown(name: str) -> str:
    """A file name that can stand in a message, a table and a page, whatever its bytes are."""
    readable = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in readable)[:200]


def is_ignored(name: str) -> bool:
    """Hidden files, and names under which programs write what is not finished yet."""
    if HOSTILE.search(name):
        return False
    return name.startswith(".") or name.lower().endswith(UNFINISHED)


def is_unfinished(name: str) -> bool:
    """Whether this is what a program keeps a table under until it is complete."""
    if not is_ignored(name) or name.startswith(APPLE_DOUBLE):
        return False
    return name.lower().endswith(UNFINISHED) or any(extension in name.lower() for extension in FORMATS)


def check_name(name: str) -> None:
    """Raises `RejectedFileError` for a name that could lead out of its folder, or hide what it is."""
    if not SAFE_NAME.fullmatch(name):
        raise RejectedFileError(
            "has a name that is not taken",
            source=shown(name),
            remedy="Start with a letter or digit; use those, spaces and . _ - ( ) + , = only; be brief.",
        )


def table_and_format(name: str) -> tuple[str, Format]:
    """The raw table and format that a file name says: `<table>.<ext>` or `<table>__<anything>.<ext>`."""
    check_name(name)
    extension = Path(name).suffix
    if extension.lower() not in FORMATS:
        raise RejectedFileError(
            f"is of a kind that is not read ({extension or 'no extension'})",
            source=name,
            remedy=f"Give {', '.join(FORMATS)}; unpack what is compressed.",
        )
    table_name = name.removesuffix(extension).split("__", 1)[0].lower()
    if table_name in WATCHLIST_TABLES:
        raise RejectedFileError(
            f"is for {table_name}, which comes from the watchlist alone",
            source=name,
            remedy="Edit watchlist.yaml instead.",
        )
    if table_name not in RAW_TABLES:
        known = ", ".join(name for name in RAW_TABLES if name not in WATCHLIST_TABLES)
        raise RejectedFileError(
            f"names no raw table ({table_name})",
            source=name,
            remedy=f"Name it <table>.csv or <table>__anything.csv, <table> being one of {known}.",
        )
    return table_name, FORMATS[extension.lower()]


# --- opening --------------------------------------------------------------------------------------


@contextmanager
def open_folder(path: Path | str, within: int | None = None) -> Iterator[int]:
    """A folder, as a descriptor; `within` an open folder, links are not followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if within is not None:
        flags |= os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, dir_fd=within)
    except OSError as error:
        raise _not_readable(str(path), error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_file(name: str, within: int) -> Iterator[BinaryIO]:
    """A regular file of an open folder.

    Raises `RejectedFileError` for links, pipes and devices, and `FileNotFoundError`.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=within)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _not_readable(name, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RejectedFileError(
            "is not a regular file", source=shown(name), remedy="Drop a file, not a pipe or a device."
        )
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _not_readable(name: str, error: OSError) -> RejectedFileError:
    is_link = error.errno == errno.ELOOP
    return RejectedFileError(
        "is a symbolic link" if is_link else f"cannot be opened ({error.strerror})",
        source=shown(name),
        remedy="Drop the file itself, readable for the observatory.",
    )


def names_in(folder: int) -> list[str]:
    """Names of what is in an open folder, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def seen(descriptor: int) -> Seen:
    """The state of an open file."""
    return _seen(os.fstat(descriptor))


def seen_at(name: str, within: int) -> Seen | None:
    """The state of what has this name now; None where nothing has."""
    try:
        return _seen(os.stat(name, dir_fd=within, follow_symlinks=False))
    except FileNotFoundError:
        return None


def _seen(status: os.stat_result) -> Seen:
    return Seen(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def is_folder(name: str, within: int) -> bool:
    """Whether this is a folder itself; a link to one is not."""
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=within, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def held_open_for_writing(descriptor: int) -> bool | None:
    """Asks Linux for a read lease, which it refuses while any process may write to the file."""
    set_lease, set_signal = getattr(fcntl, "F_SETLEASE", None), getattr(fcntl, "F_SETSIG", None)
    if set_lease is None or set_signal is None:
        return None
    try:
        # Were the file opened for writing before the lease is given back, the default signal would end
        # this process; this one is ignored.
        fcntl.fcntl(descriptor, set_signal, signal.SIGURG)
        fcntl.fcntl(descriptor, set_lease, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # not our file, or a file system without leases
        return None
    fcntl.fcntl(descriptor, set_lease, fcntl.F_UNLCK)
    return False
