"""Disks that get full: a small file system made for a test, and a limit on file sizes that needs no rights.

Belongs here: making them, filling them, and a process that receives, loads or asks until its disk is full.
That process is forked from one that has imported Great Expectations already, as for kills.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

import pytest

from ingestion.fetch import fetch
from ingestion.inbox import receive_inbox
from ingestion.load import load_pending
from ingestion.settings import Home
from ingestion.source import Window
from ingestion.space import full_disk_told
from tests._support import fake_source
from tests._support.asking import WATCHLIST, Sleeper, client_of
from tests._support.killing import TABLES
from tests._support.loading import WATCHED, standing

BALLAST = "ballast"
MEBIBYTE = 1024 * 1024
PATIENCE_SECONDS = 120


@contextmanager
def small_file_system(place: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of its own at `place`. The test is skipped where this user may not mount one."""
    place.mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system; the limit on file sizes is tested everywhere")
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, left: int = 0) -> None:
    """Leaves so many bytes free on the file system `disk`."""
    status = os.statvfs(disk)
    size = status.f_bavail * status.f_frsize - left
    with (disk / BALLAST).open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, size)


def empty(disk: Path) -> None:
    """Space returns."""
    (disk / BALLAST).unlink(missing_ok=True)


def limit_files() -> None:
    """From now on this process can write nothing: every file has reached its largest size."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))


def _fill_or_limit(disk: Path | None) -> None:
    if disk is None:
        limit_files()
    else:
        fill(disk)


def full_while_loading(home: Home, disk: Path | None, step: str, time: int = 1) -> list[str] | None:
    """Receives the inbox and loads; after the `time`-th `step` the disk is full.

    `disk`: the file system that is filled; None: this process can write no more. Gives what was said of what
    did not succeed, and None where the step was not reached.
    """
    return _said(_load_until_full, home.root, disk, step, time)


def full_while_asking(home: Home, disk: Path | None, url: str, day: date, time: int) -> list[str] | None:
    """Asks the made-up source for a day; at the `time`-th moment of forcing something to disk it is full."""
    return _said(_ask_until_full, home.root, disk, url, day, time)


def _said(task: Callable[..., None], *arguments: object) -> list[str] | None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["great_expectations", "pandas", "duckdb"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=task, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        said: list[str] | None = ours.recv() if ours.poll(PATIENCE_SECONDS) else ["the process said nothing"]
    except EOFError:
        said = ["the process died"]
    process.join(PATIENCE_SECONDS)
    return said


class _Countdown:
    """Fills the disk when it has heard a step so many times."""

    def __init__(self, disk: Path | None, fatal: str, times: int) -> None:
        self.left = times
        self._disk, self._fatal = disk, fatal

    def __call__(self, step: str) -> None:
        self.left -= step == self._fatal
        if step == self._fatal and self.left == 0:
            _fill_or_limit(self._disk)


def _load_until_full(answer: Connection, root: Path, disk: Path | None, fatal: str, times: int) -> None:
    home, step = Home(root), _Countdown(disk, fatal, times)
    said: list[str] = []
    try:
        with full_disk_told(home, "inbox"):
            receive_inbox(home, standing, step)
        for table in TABLES:
            with full_disk_told(home, f"raw/{table}"):
                results = load_pending(home, table, WATCHED, standing, step)
            said += [r.record.reason or "" for r in results if r.record.verdict == "failed"]
    except Exception as error:
        said.append(str(error))
    answer.send(said if step.left <= 0 else None)


def _ask_until_full(
    answer: Connection, root: Path, disk: Path | None, url: str, day: date, times: int
) -> None:
    step, clock = _Countdown(disk, "fsync", times), Sleeper()

    def fsync_and_tell(descriptor: int, fsync: Callable[[int], None] = os.fsync) -> None:
        fsync(descriptor)
        step("fsync")

    client = client_of(url, clock)
    with patch("os.fsync", fsync_and_tell):
        result = fetch(
            Home(root),
            fake_source.SOURCE,
            Window(day, day),
            watchlist=WATCHLIST,
            client=client,
            now=clock.now,
        )
    client.close()
    answer.send(list(result.missing) if step.left <= 0 else None)
