"""What the code server of the simulated installation loads: the product's definitions, at its pace.

Jobs, assets, checks and sensors are those of `build_defs`. The clock reads a file, the client waits less, no
bundled case is loaded, and schedules come less often than they would: a whole run takes as long here as a
simulated week.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import dagster as dg

from ingestion import settings

settings.CASES = Path(os.environ["SOAK_CASES"])  # before `orchestration` lists the folder

from orchestration.definitions import build_defs  # noqa: E402
from orchestration.defs.health import COMPARE_JOB, compare_schedule  # noqa: E402
from orchestration.defs.maintenance import maintenance_schedule  # noqa: E402
from orchestration.defs.runs import LIVE_JOB, MAIN_JOB, nightly  # noqa: E402
from orchestration.defs.upstreams import STEP, upstream_key  # noqa: E402
from orchestration.installation import Network  # noqa: E402
from tests.soak.clock import FileClock, simulated_now  # noqa: E402
from tests.soak.marts import wanted_manifest  # noqa: E402
from tests.soak.world import ASKED, FIRST_LOOK  # noqa: E402

if TYPE_CHECKING:
    from ingestion.http import Client

ASK = "ask_upstreams_every_half_hour_after_noon"


class ImpatientNetwork(Network):
    """The client of the product, which gives up sooner and tries again sooner."""

    @contextmanager
    def client(self) -> "Iterator[Client]":
        """A client for one run."""
        from ingestion.http import Patience, client_from

        patience = Patience(connect_seconds=2.0, read_seconds=1.0, total_seconds=10.0, first_wait_seconds=0.2)
        client = client_from(os.environ, patience=patience)
        try:
            yield client
        finally:
            client.close()


@dg.schedule(
    name=ASK,
    job_name=LIVE_JOB,
    cron_schedule="*/30 12-23 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Asks upstreams, and loads nothing. The clock goes on within a day only if that has failed.",
)
def ask_upstreams(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    now = simulated_now()
    if now.hour < FIRST_LOOK:
        return dg.SkipReason("A tick of the day before, which comes too late: it is another day.")
    return dg.RunRequest(
        asset_selection=[upstream_key(name) for name in ASKED],
        run_config={"ops": {STEP: {"config": {"first": str(now.date()), "last": str(now.date())}}}},
        tags={"dagster/priority": "1"},
    )


def _of_soak() -> dg.Definitions:
    with patch("orchestration.definitions.read_manifest", wanted_manifest):
        product = build_defs({"clock": FileClock(), "network": ImpatientNetwork()}, live_sources=ASKED)
    running = dg.DefaultScheduleStatus.RUNNING
    rarely = [
        dg.ScheduleDefinition(
            name=nightly.name,
            job_name=MAIN_JOB,
            cron_schedule="0 3 */8 * *",
            execution_timezone="UTC",
            default_status=running,
        ),
        dg.ScheduleDefinition(
            name=compare_schedule.name,
            job_name=COMPARE_JOB,
            cron_schedule="0 6 * * 0",
            execution_timezone="UTC",
            default_status=running,
        ),
    ]
    return dg.Definitions(
        assets=product.assets,
        asset_checks=product.asset_checks,
        jobs=product.jobs,
        sensors=product.sensors,
        schedules=[ask_upstreams, *rarely, maintenance_schedule],
        resources=product.resources,
        executor=product.executor,
    )


defs = _of_soak()
