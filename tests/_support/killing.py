"""A process that receives and loads, and is killed at a chosen step.

Its own children are forked from one process that has imported Great Expectations already: a kill costs
no import. `SIGKILL` cannot be caught: no `finally` runs, as when the power fails.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from ingestion.inbox import receive_inbox
from ingestion.load import load_pending
from ingestion.settings import Home
from tests._support.loading import WATCHED, standing

TABLES = ("chart_entries", "fx_rates")


def run_all(home: Home) -> None:
    """Receives the inbox and loads what it brought."""
    receive_inbox(home, standing)
    for table_name in TABLES:
        load_pending(home, table_name, WATCHED, standing)


def run_until(root: Path, fatal: str, time: int) -> None:
    """As `run_all`, but kills this process when step `fatal` is done for the `time`-th time.

    The step `fsync` is each moment at which something is forced to disk, inside of all others.
    """
    left = time

    def step(name: str) -> None:
        nonlocal left
        left -= name == fatal
        if name == fatal and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync_and_tell(descriptor: int, fsync: Callable[[int], None] = os.fsync) -> None:
        fsync(descriptor)
        step("fsync")

    home = Home(root)
    with patch("os.fsync", fsync_and_tell):
        receive_inbox(home, standing, step)
        for table_name in TABLES:
            load_pending(home, table_name, WATCHED, standing, step)


def killed_at(home: Home, fatal: str, time: int = 1) -> bool:
    """Runs until the step in a process of its own; whether that was killed there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["great_expectations", "pandas", "duckdb"])
    process = context.Process(target=run_until, args=(home.root, fatal, time))
    process.start()
    process.join(timeout=120)
    return process.exitcode == -signal.SIGKILL
