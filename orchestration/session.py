"""Runs the main job inside this process, with progress, as the command and the tests do.

Belongs here: the Dagster instance of an installation, one run, and what came of it.
Does not belong here: what a run does (`orchestration.defs`), and how it is printed (`orchestration.cli`).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from ingestion.settings import Home
from ingestion.source import Window
from ingestion.space import full_disk_told
from orchestration.dead_runs import PROCESS_TAG, end_runs_of_dead_commands, this_process
from orchestration.definitions import build_defs
from orchestration.defs.runs import LIVE_JOB, MAIN_JOB, blocked_tables, unblocked_selection
from orchestration.defs.upstreams import (
    DAYS_A_RUN,
    STEP,
    missing_windows,
    unasked_sources,
    upstream_key,
)
from orchestration.installation import Installation
from orchestration.storage import prepare_storage

CLASS_NAME = re.compile(r"^[\w.]+: ")
"""What Python puts before the message of an error."""


StepReport = Callable[[str, str], None]
"""Is told a step's name and `started`, `succeeded`, `failed` or `skipped`."""

STEP_EVENTS = {
    dg.DagsterEventType.STEP_START: "started",
    dg.DagsterEventType.STEP_SUCCESS: "succeeded",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
}


@dataclass(frozen=True)
class Live:
    """Which upstreams to ask, and for which days. None: the default ones; today, in the zone of each."""

    window: Window | None = None
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a run: whether the file was published, which tables were blocked, why it failed.

    `missing`: what upstreams did not answer, a line each. `unasked`: those that had nothing to be asked.
    """

    published: bool
    blocked: tuple[str, ...]
    failures: tuple[str, ...]
    run_ids: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()


def prepare_instance(home: Home) -> Path:
    """The folder of run history, with its configuration. Raises SettingError where it cannot be kept."""
    return prepare_storage(home, os.environ)


def run_main_job(
    home: Home,
    *,
    cases: list[str] | None = None,
    live: Live | None = None,
    report: StepReport = lambda step, status: None,
    resource_overrides: Mapping[str, Any] | None = None,
) -> Outcome:
    """Receives, checks, loads, models and publishes once.

    `cases` names the bundled cases to receive; None means all. With `live`, upstreams are asked first. Where
    a check stops a part, a second run builds and publishes the rest.
    """
    overrides = {"installation": Installation(home=str(home.root)), **(resource_overrides or {})}
    place = _Place(report)
    definitions = build_defs(
        overrides, {"progress": _progress_logger(place)}, live_sources=live.sources if live else None
    )
    job = definitions.resolve_job_def(LIVE_JOB if live else MAIN_JOB)
    config: dict[str, Any] = {"loggers": {"progress": {}}, "ops": {}}
    if cases is not None:
        config["ops"]["inbox"] = {"config": {"cases": cases}}
    if live and live.window:
        days = {"first": str(live.window.first), "last": str(live.window.last)}
        config["ops"][STEP] = {"config": days}
    _say_nothing_of_checks_that_a_skipped_build_left_out()
    _say_nothing_of_temporary_folders()
    with (
        # Dagster notes each event on the same disk: where that fails, a run has no end that it could tell of.
        full_disk_told(home, lambda: place.step),
        dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance,
    ):
        end_runs_of_dead_commands(instance)
        ours = {PROCESS_TAG: this_process()}
        first = job.execute_in_process(run_config=config, instance=instance, tags=ours, raise_on_error=False)
        results = [first]
        blocked = blocked_tables(instance, first.run_id)
        missing = missing_windows(instance, first.run_id)
        unasked = unasked_sources(instance, first.run_id)
        if blocked:
            keys = unblocked_selection(blocked).resolve(definitions.resolve_asset_graph())
            results.append(
                job.execute_in_process(
                    run_config={"loggers": {"progress": {}}},
                    instance=instance,
                    asset_selection=sorted(keys),
                    tags=ours,
                    raise_on_error=False,
                )
            )
    return Outcome(
        published=results[-1].success,
        blocked=tuple(sorted(blocked)),
        failures=tuple(text for result in results for text in _failures(result)),
        run_ids=tuple(result.run_id for result in results),
        missing=tuple(missing),
        unasked=tuple(unasked),
    )


def ask_days(
    home: Home,
    source: str,
    window: Window,
    *,
    report: Callable[[Window], None] = lambda days: None,
) -> tuple[list[str], list[str]]:
    """Asks an upstream for its partitions of `window`, some days a run, and loads nothing.

    The runs are what a backfill of the asset in the web UI would start; what is received waits for the next
    run of the main job. `report` is told the days of each run before it starts. Gives a line for each day of
    which something is missing, and why runs failed. After a failed run no further one is started.
    """
    overrides = {"installation": Installation(home=str(home.root))}
    place = _Place(lambda step, status: None)
    loggers = {"progress": _progress_logger(place)}
    job = build_defs(overrides, loggers, live_sources=[source]).resolve_job_def(LIVE_JOB)
    missing: list[str] = []
    with (
        full_disk_told(home, lambda: place.step),
        dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance,
    ):
        end_runs_of_dead_commands(instance)
        for days in parts_of(window, DAYS_A_RUN):
            report(days)
            result = job.execute_in_process(
                run_config={"loggers": {"progress": {}}},
                instance=instance,
                asset_selection=[upstream_key(source)],
                tags={
                    PROCESS_TAG: this_process(),
                    "dagster/asset_partition_range_start": str(days.first),
                    "dagster/asset_partition_range_end": str(days.last),
                },
                raise_on_error=False,
            )
            missing += missing_windows(instance, result.run_id)
            if not result.success:
                return missing, _failures(result)
    return missing, []


def parts_of(window: Window, most: int) -> Iterator[Window]:
    """A window as windows of at most so many days, in order."""
    first = window.first
    while first <= window.last:
        last = min(window.last, first + timedelta(days=most - 1))
        yield Window(first, last)
        first = last + timedelta(days=1)


class _Place:
    """Passes on what a run reports, and remembers the step that it is at, or the first that failed."""

    def __init__(self, report: StepReport) -> None:
        self.step = "run history"
        self._has_failed = False
        self._report = report

    def __call__(self, step: str, status: str) -> None:
        if not self._has_failed and status in ("started", "failed"):
            self.step, self._has_failed = step, status == "failed"
        self._report(step, status)


def _say_nothing_of_checks_that_a_skipped_build_left_out() -> None:
    """Dagster warns of each blocking check without a result; where nothing was built, none is due."""
    logger = logging.getLogger("dagster._core.execution.plan.active")
    logger.addFilter(lambda record: "emitted no result" not in record.getMessage())


def _say_nothing_of_temporary_folders() -> None:
    """Great Expectations sets its own level, and tells of each; dbt's import makes that heard."""
    logging.getLogger("great_expectations.data_context.types.base").addFilter(_is_warning)


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    events = [event for event in result.all_events if event.is_step_failure]
    texts = []
    for event in events:
        error = event.step_failure_data.error
        cause = error.cause if error and error.cause else error
        message = cause.message.strip() if cause else "failed"
        texts.append(f"{event.step_key}: {re.sub(CLASS_NAME, '', message)}")
    return texts


def _progress_logger(report: StepReport) -> dg.LoggerDefinition:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event = getattr(record, "dagster_meta", {}).get("dagster_event")
            status = STEP_EVENTS.get(event.event_type) if event else None
            if event and status:
                report(event.step_key or "", status)

    def progress(context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("observatory.progress", level=logging.DEBUG)
        logger.addHandler(Handler())
        return logger

    return dg.LoggerDefinition(progress, description="Tells how far the run is.")
