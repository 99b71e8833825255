"""When things run: the main job, the live one, the schedule, and what goes on when a check stopped a part."""

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from ingestion.sources import SOURCES
from ingestion.tables import RAW_TABLES
from orchestration.defs.health import COMPARISONS
from orchestration.defs.lake import GROUP as LAKE
from orchestration.defs.lake import check_name, raw_key
from orchestration.defs.published import PUBLISHED
from orchestration.defs.quarantine import release_job
from orchestration.defs.received import GROUP as RECEIVED
from orchestration.defs.received import READ_AGAIN, RELEASED
from orchestration.defs.upstreams import GROUP as UPSTREAMS
from orchestration.defs.upstreams import STEP, upstream_key
from orchestration.installation import OFFLINE, ONLINE, Clock, Installation, Network
from orchestration.presentation import Group

MAIN_JOB = "load_check_model_publish"
LIVE_JOB = "fetch_live_load_check_model_publish"
LIVE_SCHEDULE = "fetch_live_every_day"
CARRY_ON = "publish_what_a_failed_check_does_not_block"
CARRY_ON_SECONDS = 60
SENSOR_NAME_TAG = "dagster/sensor_name"
RUN_KEY_TAG = "dagster/run_key"
MAX_RUNTIME_SECONDS = 3600
MAX_LIVE_RUNTIME_SECONDS = 7200

main_job = dg.define_asset_job(
    MAIN_JOB,
    selection=dg.AssetSelection.all()
    - dg.AssetSelection.groups(UPSTREAMS)
    - dg.AssetSelection.assets(RELEASED, READ_AGAIN)
    - COMPARISONS,
    description="The whole way, without a network: receive, check, load, model and publish. Nothing new "
    "costs little.",
    tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)} | OFFLINE,
)


def live_job(sources: Iterable[str]) -> Any:  # Dagster does not export the type of an asset job
    """The main job with these upstreams before it."""
    named = set(sources)
    others = [upstream_key(name) for name in SOURCES if name not in named]
    return dg.define_asset_job(
        LIVE_JOB,
        selection=dg.AssetSelection.all()
        - dg.AssetSelection.assets(RELEASED, READ_AGAIN, *others)
        - COMPARISONS,
        description="Asks the upstreams first, over the network, then goes the whole way: the same as "
        "`observatory run --live`. It asks for today, or for the days from `first` to `last` in the settings "
        f"of `{STEP}`. An upstream that does not answer stops nothing: its check names the days that are "
        "missing, and the next run asks for them again.",
        tags={"dagster/max_runtime": str(MAX_LIVE_RUNTIME_SECONDS)} | ONLINE,
    )


nightly = dg.ScheduleDefinition(
    name="load_check_model_publish_every_night",
    job=main_job,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    description="The floor under the events: whatever nothing else started is done at 03:00 UTC.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def live_schedule(job: Any) -> dg.ScheduleDefinition:
    """Asks the upstreams once a day, for whoever turns it on: nothing goes over the network by itself."""
    return dg.ScheduleDefinition(
        name=LIVE_SCHEDULE,
        job=job,
        cron_schedule="0 12 * * *",
        execution_timezone="UTC",
        description="At 12:00 UTC, when the day before is over everywhere, asks every upstream of the live "
        "job for today and for what is missing of the week before. Off until it is turned on; uses the "
        "network.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )


def blocked_tables(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """Raw tables whose check stopped what follows in the run."""
    connection = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = (record.event_log_entry.dagster_event for record in connection.records)
    evaluations = [event.asset_check_evaluation_data for event in events if event]
    failed = {
        evaluation.asset_check_key
        for evaluation in evaluations
        if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR
    }
    return {name for name in RAW_TABLES if dg.AssetCheckKey(raw_key(name), check_name(name)) in failed}


def unblocked_selection(blocked: Iterable[str]) -> dg.AssetSelection:
    """What a failed check does not concern: every model that reads none of the blocked tables.

    The published file is part of it: it takes the old state of what is blocked. So are what waits in
    quarantine and the health of the sources, which are then most wanted.
    """
    stopped = dg.AssetSelection.assets(*(raw_key(name) for name in blocked)).downstream()
    modelled = dg.AssetSelection.all() - dg.AssetSelection.groups(RECEIVED, LAKE, UPSTREAMS)
    told = dg.AssetSelection.groups(Group.QUARANTINE, Group.OPERATIONS)
    return (modelled - stopped) | told | dg.AssetSelection.assets(PUBLISHED)


def unblocked_keys(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], blocked: Iterable[str]
) -> list[dg.AssetKey]:
    """The keys of `unblocked_selection` among `assets`."""
    resources = {"installation": Installation(), "clock": Clock(), "network": Network()}
    graph = dg.Definitions(assets=assets, resources=resources).resolve_asset_graph()
    return sorted(unblocked_selection(blocked).resolve(graph))


def carry_on_sensor(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], others: Sequence[Any]
) -> dg.SensorDefinition:
    """After a run that a check stopped, starts one for everything that the check does not concern.

    `others`: jobs to watch beside those of this module. A run for a part of the assets is left alone, unless
    an event started it: then it was whole but for the upstreams.
    """

    @dg.run_failure_sensor(
        name=CARRY_ON,
        minimum_interval_seconds=CARRY_ON_SECONDS,
        monitored_jobs=[main_job, release_job, *others],
        request_job=main_job,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A failed load stops the marts that read it. The other marts are built and published.",
    )
    def carry_on(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        blocked = blocked_tables(context.instance, run.run_id)
        started_by = run.tags.get(SENSOR_NAME_TAG)
        is_part = run.asset_selection and started_by in (None, CARRY_ON)
        if not blocked or is_part:
            return dg.SkipReason("the run failed for another reason, or was itself a part")
        return dg.RunRequest(run_key=run.run_id, asset_selection=unblocked_keys(assets, blocked))

    return carry_on
