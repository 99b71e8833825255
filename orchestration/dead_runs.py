"""Ends runs whose process is gone and that nobody else would end.

The code server that started a worker notices its death within a second. Where both died together, as when the
machine is switched off, the run would stand as started until its maximal runtime, and hold its place among
the runs that may go on at once. A run of a command has no code server at all.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable

import dagster as dg

PROCESS_TAG = "observatory/process"
"""Of a run in the process of a command: that process, with its machine."""
STARTED = re.compile(r"Started process for run \(pid: (\d+)\)")
"""What Dagster notes when a run has been launched; a run in the process of a command says no such thing."""
GONE = "The process of this run is gone, and so is what watched over it; the next run heals what it left."


def end_runs_of_dead_commands(instance: dg.DagsterInstance) -> list[str]:
    """Fails started runs of commands of this machine that are no more; gives their ids."""
    return _end(instance, _command_of)


def end_runs_without_process(instance: dg.DagsterInstance) -> list[str]:
    """Fails, beside those, started runs whose worker was a process of this machine and is no more.

    To be called where workers are started: process ids of another machine say nothing. A run that has not
    said yet which process it is, is left to Dagster's own time limit for starting.
    """
    return _end(
        instance,
        lambda run: _command_of(run) if PROCESS_TAG in run.tags else worker_of(instance, run.run_id),
    )


def this_process() -> str:
    """As the tag names it."""
    return f"{socket.gethostname()}/{os.getpid()}"


def worker_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that a launched run has last said it is; None for one that has not, or was not launched."""
    connection = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    events = [record.event_log_entry.dagster_event for record in connection.records]
    said = [STARTED.match(event.message or "") for event in events if event is not None]
    processes = [int(match[1]) for match in said if match]
    return processes[-1] if processes else None


def is_running(process: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _command_of(run: dg.DagsterRun) -> int | None:
    """The process of the command whose run it is; None where that is none, or one of another machine."""
    host, _, number = run.tags.get(PROCESS_TAG, "").rpartition("/")
    return int(number) if host == socket.gethostname() else None


def _end(instance: dg.DagsterInstance, process_of: Callable[[dg.DagsterRun], int | None]) -> list[str]:
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        process = process_of(run)
        if process is not None and not is_running(process) and _is_still_started(instance, run.run_id):
            instance.report_run_failed(run, GONE)
            ended.append(run.run_id)
    return ended


def _is_still_started(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Asked again: the run may have ended, and its process with it, since it was listed."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status is dg.DagsterRunStatus.STARTED
