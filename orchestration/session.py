"""Runs the main job inside this process, with progress, as the command and the tests do.

Belongs here: the Dagster instance of an installation, one run, and what came of it.
Does not belong here: what a run does (`orchestration.defs`), and how it is printed (`orchestration.cli`).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from ingestion.settings import Home
from ingestion.source import Window
from orchestration.definitions import build_defs
from orchestration.defs.runs import LIVE_JOB, MAIN_JOB, blocked_tables, unblocked_selection
from orchestration.defs.upstreams import STEP, missing_windows
from orchestration.installation import Installation

INSTANCE_CONFIG = Path(__file__).parent / "dagster.yaml"

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

    `missing`: what upstreams did not answer, a line each.
    """

    published: bool
    blocked: tuple[str, ...]
    failures: tuple[str, ...]
    run_ids: tuple[str, ...]
    missing: tuple[str, ...] = ()


def prepare_instance(home: Home) -> Path:
    """The folder of run history, with its configuration."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(INSTANCE_CONFIG, home.dagster / "dagster.yaml")
    return home.dagster


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
    definitions = build_defs(
        overrides, {"progress": _progress_logger(report)}, live_sources=live.sources if live else None
    )
    job = definitions.resolve_job_def(LIVE_JOB if live else MAIN_JOB)
    config: dict[str, Any] = {"loggers": {"progress": {}}, "ops": {}}
    if cases is not None:
        config["ops"]["inbox"] = {"config": {"cases": cases}}
    if live and live.window:
        days = {"first": str(live.window.first), "last": str(live.window.last)}
        config["ops"][STEP] = {"config": days}
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        first = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
        results = [first]
        blocked = blocked_tables(instance, first.run_id)
        missing = missing_windows(instance, first.run_id)
        if blocked:
            keys = unblocked_selection(blocked).resolve(definitions.resolve_asset_graph())
            results.append(
                job.execute_in_process(
                    run_config={"loggers": {"progress": {}}},
                    instance=instance,
                    asset_selection=sorted(keys),
                    raise_on_error=False,
                )
            )
    return Outcome(
        published=results[-1].success,
        blocked=tuple(sorted(blocked)),
        failures=tuple(text for result in results for text in _failures(result)),
        run_ids=tuple(result.run_id for result in results),
        missing=tuple(missing),
    )


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    events = [event for event in result.all_events if event.is_step_failure]
    texts = []
    for event in events:
        error = event.step_failure_data.error
        cause = error.cause if error and error.cause else error
        texts.append(f"{event.step_key}: {cause.message.strip() if cause else 'failed'}")
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
