"""The weekly job that deletes what is old and makes the warehouse small again."""

import os

import dagster as dg

from orchestration.installation import Clock, Installation
from orchestration.presentation import table

MAINTENANCE_JOB = "weekly_maintenance"
MAX_RUNTIME_SECONDS = 3600


@dg.op(
    name="delete_what_is_old_and_compact",
    description="Runs and ticks, cached readings, objects of the archive that nothing refers to, settled "
    "quarantine, old published versions; then the ledger is merged and the warehouse compacted. How long "
    "things are kept: `docs/operations.md`.",
)
def delete_and_compact(context: dg.OpExecutionContext, installation: Installation, clock: Clock) -> None:
    from ingestion.limits import limits_from
    from orchestration.maintenance import maintain

    done = maintain(installation.folders(), context.instance, clock.now(), limits_from(os.environ))
    rows = ({"step": one.step, "result": one.told, "failed": one.problem} for one in done)
    context.add_output_metadata({"steps": table(rows, empty="None.")})
    for one in done:
        (context.log.error if one.problem else context.log.info)(f"{one.step}: {one.told}")
    failed = [f"{one.step}: {one.told}" for one in done if one.problem]
    if failed:
        raise dg.Failure(
            f"{len(failed)} of {len(done)} steps failed; the others are done.\n" + "\n".join(failed)
        )


@dg.job(
    name=MAINTENANCE_JOB,
    description="Deletes what is old, never what is open or referred to, and compacts the warehouse. Each "
    "step stands for itself.",
    tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
)
def maintenance_job() -> None:
    delete_and_compact()


maintenance_schedule = dg.ScheduleDefinition(
    name="weekly_maintenance_on_sunday",
    job=maintenance_job,
    cron_schedule="0 5 * * 0",
    execution_timezone="UTC",
    description="Sundays at 05:00 UTC, when the nightly run is over.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
