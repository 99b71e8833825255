"""How much room the disk of an installation has, and what is said when there is none left.

Belongs here: which errors mean a full disk, the one error that they become, and how much a build needs.
Does not belong here: what is written, and that it is written in one step (`ingestion.effects`).
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import DiskFullError
from ingestion.settings import Home

MEBIBYTE = 1024 * 1024
LEFT_FOR_HISTORY = 256 * MEBIBYTE
"""Beside the build: what is received, checked and noted of a run."""
LITTLE = 2048 * MEBIBYTE

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SIGNS = (
    "no space left on device",
    "disk quota exceeded",
    "file too large",
    "database or disk is full",
    "failed to offload data block",
)
"""What DuckDB, SQLite and dbt say; none of them has an error class for it."""
VAGUE_SIGNS = ("disk i/o error", "unable to open database file", "could not write")
"""SQLite says so, too, where it cannot make its journal: a full disk only if no room is left."""
NO_ROOM = MEBIBYTE

REMEDY = (
    "Make space there. What was received is kept, readers keep what is published, and the next run goes on "
    "from there"
)
ADVICE = "Make space, run the job `weekly_maintenance`, or move the home."


@dataclass(frozen=True)
class Room:
    """Bytes that are free where the home is, and those that one more build and publish may take."""

    free: int
    needed: int

    @property
    def is_too_little(self) -> bool:
        """Whether the next run may not fit."""
        return self.free < self.needed + LEFT_FOR_HISTORY

    @property
    def is_little(self) -> bool:
        """Whether few more runs fit."""
        return self.free < max(LITTLE, 3 * self.needed)

    @property
    def told(self) -> str:
        """Both, as people read them."""
        return f"{self.free // MEBIBYTE:,} MiB free; a build takes up to {self.needed // MEBIBYTE:,} MiB"


def room(home: Home) -> Room:
    """How it stands now. What the last build left is what the next may need a second time: the warehouse
    grows by what is built anew, and a version is whole before the earlier one may go.
    """
    version = home.published / "current"
    sizes = [path.stat().st_size for path in version.rglob("*") if path.is_file()]
    if home.warehouse.exists():
        sizes.append(home.warehouse.stat().st_size)
    return Room(free_bytes(home.root), sum(sizes))


def free_bytes(folder: Path) -> int:
    """What is free where `folder` is, or will be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def says_full(text: str) -> bool:
    """Whether a message tells of a full disk."""
    return any(sign in text.lower() for sign in SIGNS)


def is_full(error: BaseException, home: Home) -> bool:
    """Whether an error, or one that led to it, comes from a full disk."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        text = str(one)
        is_vague = any(sign in text.lower() for sign in VAGUE_SIGNS)
        if isinstance(one, OSError) and one.errno in FULL:
            return True
        if says_full(text) or (is_vague and free_bytes(home.root) < NO_ROOM):
            return True
        left += [one.__cause__, one.__context__]
    return False


def full_disk(home: Home, source: str, window: str | None = None) -> DiskFullError:
    """The error that a full disk becomes. `source`: who wanted to write; `window`: the days or what."""
    left = free_bytes(home.root) // 1024
    problem = f"the disk is full ({left:,} KiB are left at {home.root})"
    return DiskFullError(problem, source=source, window=window, remedy=REMEDY)


@contextmanager
def full_disk_told(home: Home, source: str | Callable[[], str], window: str | None = None) -> Iterator[None]:
    """Makes a full disk, whoever noticed it, a `DiskFullError`; all else passes.

    `source` is asked for when there is something to tell, where who was at work is known only then.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if is_full(error, home):
            raise full_disk(home, source if isinstance(source, str) else source(), window) from error
        raise
