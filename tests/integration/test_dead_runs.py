"""Runs whose worker is gone are ended, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from orchestration.dead_runs import (
    PROCESS_TAG,
    end_runs_of_dead_commands,
    end_runs_without_process,
    this_process,
)


@dg.job
def nothing() -> None:
    """A run of which only the record is needed."""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def started(instance: dg.DagsterInstance, *processes: int) -> str:
    """A run that stands as started, and has said that it is these processes, one after the other."""
    run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)
    for process in processes:
        instance.report_engine_event(f"Started process for run (pid: {process}).", run)
    return str(run.run_id)


def gone() -> int:
    """The id of a process that was."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_whose_worker_is_gone_is_failed(instance: dg.DagsterInstance) -> None:
    run_id = started(instance, gone())
    assert end_runs_without_process(instance) == [run_id]
    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert end_runs_without_process(instance) == []


@pytest.mark.parametrize("processes", [(), (os.getpid(),), (gone(), os.getpid())])
def test_a_run_goes_on_whose_worker_is_there_or_unknown(
    instance: dg.DagsterInstance, processes: tuple[int, ...]
) -> None:
    run_id = started(instance, *processes)
    assert end_runs_without_process(instance) == []
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def of_command(instance: dg.DagsterInstance, process: str) -> str:
    """A run of a command, which names its process and its machine."""
    tags = {PROCESS_TAG: process}
    run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED, tags=tags)
    return str(run.run_id)


@pytest.mark.parametrize("end", [end_runs_of_dead_commands, end_runs_without_process])
def test_the_run_of_a_command_is_ended_when_that_is_gone(
    instance: dg.DagsterInstance, end: Callable[[dg.DagsterInstance], list[str]]
) -> None:
    host, _, _ = this_process().rpartition("/")
    dead = of_command(instance, f"{host}/{gone()}")
    of_command(instance, this_process())
    of_command(instance, f"another-{host}/{gone()}")
    assert end(instance) == [dead]


def test_a_command_leaves_workers_to_the_machine_that_started_them(instance: dg.DagsterInstance) -> None:
    started(instance, gone())
    assert end_runs_of_dead_commands(instance) == []
