"""The real `dagster-daemon`, whose schedules and sensors go by the simulated clock.

Its other daemons (queue, monitoring, retries) go by the real one. With the simulated clock, schedules and
sensors would be due a moment after it was put forward, and Dagster looks only once a minute and every five
seconds: here it looks every second.
"""

from __future__ import annotations

import runpy
import sys
from importlib import import_module
from unittest.mock import patch

from tests.soak.clock import simulated_now

LOOK_SECONDS = 1


def _timestamp() -> float:
    return simulated_now().timestamp()


def main() -> None:
    """Runs until it is killed; takes the arguments of `dagster-daemon run`."""
    sys.argv[1:1] = ["run"]
    sensors = import_module("dagster._daemon.sensor")  # first: the other imports it in a circle
    schedules = import_module("dagster._scheduler.scheduler")
    with (
        patch.object(schedules, "get_current_datetime", simulated_now),
        patch.object(schedules, "_get_next_scheduler_iteration_time", lambda start: start + LOOK_SECONDS),
        patch.object(sensors, "get_current_datetime", simulated_now),
        patch.object(sensors, "get_current_timestamp", _timestamp),
        patch.object(sensors, "MIN_INTERVAL_LOOP_TIME", LOOK_SECONDS),
    ):
        runpy.run_module("dagster._daemon", run_name="__main__")


if __name__ == "__main__":
    main()
