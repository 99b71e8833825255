"""The main job as a process of its own can find it again, which the multiprocess executor asks for."""

from __future__ import annotations

import dagster as dg

from orchestration.definitions import build_defs
from orchestration.defs.runs import MAIN_JOB


def main_job() -> dg.JobDefinition:
    """As the environment of the process sets it up."""
    return build_defs().resolve_job_def(MAIN_JOB)
