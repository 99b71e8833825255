"""How the steps of a run are executed: all in the process of the run, or each in one of its own.

Belongs here: the choice. Does not belong here: how many runs there are at once (`dagster.yaml`). The commands
run everything in their own process, whatever is chosen: it concerns runs that the daemon starts.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from ingestion.errors import SettingError

EXECUTOR_VARIABLE = "OBSERVATORY_EXECUTOR"
IN_PROCESS, MULTIPROCESS = "in_process", "multiprocess"
STEPS_AT_ONCE = 2
PRELOADED = ("orchestration.definitions", "ingestion.load", "great_expectations")
"""Imported once a run, by the process that the steps are forked from: a step that imported them itself would
take nine seconds to begin."""


def executor_from(environ: Mapping[str, str]) -> dg.ExecutorDefinition:
    """What the environment chooses; all in one process else. Raises SettingError."""
    chosen = environ.get(EXECUTOR_VARIABLE, "").strip() or IN_PROCESS
    if chosen == IN_PROCESS:
        return dg.in_process_executor
    if chosen == MULTIPROCESS:
        start = {"forkserver": {"preload_modules": list(PRELOADED)}}
        return dg.multiprocess_executor.configured({"max_concurrent": STEPS_AT_ONCE, "start_method": start})
    raise SettingError(
        f"{chosen[:40]!r} is no executor",
        source=EXECUTOR_VARIABLE,
        remedy=f"Give {MULTIPROCESS}, or leave it out for {IN_PROCESS}",
    )
