"""Everything that Dagster knows of this project, for production and tests alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.dbt import read_manifest
from orchestration.defs.again import again_job, read_again_from_archive
from orchestration.defs.alerts import tell_of_failed_run, tell_what_needs_somebody
from orchestration.defs.automation import automation_sensor
from orchestration.defs.dead_runs import end_dead_runs
from orchestration.defs.episodes import closer_job, detected_episodes, episode_sensor
from orchestration.defs.events import event_sensors
from orchestration.defs.health import compare_job, compare_schedule, compare_with_history, health
from orchestration.defs.lake import lake_assets
from orchestration.defs.maintenance import maintenance_job, maintenance_schedule
from orchestration.defs.prices import price_bars_lack_sessions
from orchestration.defs.published import published_asset
from orchestration.defs.quarantine import quarantine, release_job, released_from_quarantine
from orchestration.defs.received import inbox, watchlist
from orchestration.defs.runs import carry_on_sensor, live_job, live_schedule, main_job, nightly
from orchestration.defs.upstreams import default_sources, upstream_assets
from orchestration.defs.warehouse import day_columns, public_models, warehouse_asset
from orchestration.executor import executor_from
from orchestration.installation import Clock, Installation, Network


def build_defs(
    resource_overrides: Mapping[str, Any] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
    live_sources: Sequence[str] | None = None,
) -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors.

    `resource_overrides` replaces resources by name (`installation`, `network`, `clock`); `loggers` adds to
    Dagster's. `live_sources` names the upstreams that the live job asks; None means the default ones.
    Raises BuildError when the dbt project has never been parsed.
    """
    manifest = read_manifest()
    resources = {
        "installation": Installation(),
        "network": Network(),
        "clock": Clock(),
        **(resource_overrides or {}),
    }
    assets = [
        inbox,
        watchlist,
        released_from_quarantine,
        read_again_from_archive,
        upstream_assets(),
        *lake_assets(),
        quarantine,
        warehouse_asset(manifest),
        published_asset(public_models(manifest), day_columns(manifest)),
        detected_episodes,
        health,
    ]
    live = live_job(default_sources() if live_sources is None else live_sources)
    closer = closer_job()
    return dg.Definitions(
        assets=assets,
        asset_checks=[price_bars_lack_sessions, compare_with_history],
        jobs=[main_job, release_job, again_job, live, closer, compare_job, maintenance_job],
        schedules=[nightly, live_schedule(live), compare_schedule, maintenance_schedule],
        sensors=[
            carry_on_sensor(assets, [again_job, live, closer]),
            automation_sensor,
            *event_sensors(assets, resources["installation"], resources["clock"]),
            episode_sensor(assets),
            end_dead_runs,
            tell_of_failed_run,
            tell_what_needs_somebody,
        ],
        resources=resources,
        executor=executor_from(os.environ),
        loggers=loggers,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dg` and the web UI load."""
    return build_defs()
