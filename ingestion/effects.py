"""The clock and the disk, as the rest of `ingestion` uses them.

Belongs here: durable writes, locks between processes, and the types of what is passed in so that tests
can stop the clock or kill a load between two steps. Does not belong here: what is written, and where.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ingestion.errors import BusyError
from ingestion.settings import Home

Clock = Callable[[], datetime]
"""Gives this moment, with a zone."""

Step = Callable[[str], None]
"""Is told the name of each step when it is done."""

LOCK_TIMEOUT_SECONDS = 900


def no_step(name: str) -> None:
    """The `Step` of everyday."""


def in_utc(moment: datetime) -> datetime:
    """`moment` in UTC. Raises `ValueError` without a zone: a guess would shift days."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone")
    return moment.astimezone(UTC)


def ensure_folder(folder: Path) -> None:
    """Makes `folder` with its parents; each survives a power cut."""
    if folder.is_dir():
        return
    ensure_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(temporary: Path, final: Path) -> None:
    """Puts a finished file in its place in one step: readers see the old content or the new."""
    sync(temporary)
    temporary.replace(final)
    sync(final.parent)


def write_durably(final: Path, content: bytes) -> None:
    """Writes `content` to `final` in one step. Writers of one file, also of other processes, take turns.

    Each prepares it under the same name, so that what a killed one left is written over, not left for ever.
    """
    ensure_folder(final.parent)
    temporary = final.with_name(f".{final.name}.tmp")
    with _held(temporary) as file:
        file.truncate(0)
        file.write(content)
        file.flush()
        replace_durably(temporary, final)


@contextmanager
def _held(path: Path) -> Iterator[BinaryIO]:
    """The file of that name, made if need be, which this writer alone has until it is moved or closed.

    The lock belongs to the file, not to its name: who had to wait for it may find that it has been moved, and
    then takes the name again.
    """
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                if _is_there(path, os.fstat(file.fileno())):
                    yield file
                    return
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # a process forked meanwhile would hold it on


def _is_there(path: Path, file: os.stat_result) -> bool:
    """Whether an open file still has that name."""
    try:
        return os.path.samestat(path.stat(), file)
    except FileNotFoundError:
        return False


def remove_durably(path: Path) -> None:
    """Removes a file, if it is there."""
    if path.exists():
        path.unlink()
        sync(path.parent)


@contextmanager
def locked(home: Home, name: str) -> Iterator[None]:
    """Holds the lock `name` of an installation. The system frees it when its holder is killed.

    Raises `BusyError` when another process does not let go of it in time.
    """
    from filelock import FileLock, Timeout

    path = home.locks / f"{name}.lock"
    ensure_folder(path.parent)
    try:
        with FileLock(path, timeout=LOCK_TIMEOUT_SECONDS):
            yield
    except Timeout as error:
        raise BusyError(
            f"the lock {name} was held by another process for {LOCK_TIMEOUT_SECONDS} seconds",
            source=str(path),
            remedy="Let the other run end, or stop it, and run again.",
        ) from error
