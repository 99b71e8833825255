"""How the sources do, in the web UI: the asset `health`, and checks of freshness and volume.

The checks stop nothing. One of them looks at the newest event that rows tell of: a policy on an upstream's
asset alone is content with a backfill of old days.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg

from ingestion.settings import Home
from ingestion.tables import RAW_TABLES
from orchestration.defs.lake import raw_key
from orchestration.defs.published import PUBLISHED
from orchestration.defs.upstreams import keys_for
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, Group, schema, table

HEALTH = dg.AssetKey("health")
COMPARE_JOB = "compare_upstreams_with_their_history"
MAX_RUNTIME_SECONDS = 600
WATCHED = tuple(name for name in RAW_TABLES if keys_for(name))
"""Raw tables that upstreams fill."""
NOBODY = "No upstream of this table is asked regularly."


def late_name(table_name: str) -> str:
    """The sentence that a failing check of freshness says."""
    return f"{table_name}_has_no_new_events"


def unusual_name(table_name: str) -> str:
    """The sentence that a failing check of volume says."""
    return f"{table_name}_has_an_unusual_volume"


@dg.asset(
    key=HEALTH,
    deps=[PUBLISHED],
    group_name=Group.OPERATIONS,
    owners=OWNERS,
    kinds={"html"},
    description="How every source does: its last success and lag, its volume beside its own history, what "
    "waits in quarantine, and what to do. Also a page: `health/index.html`.",
    metadata={
        "dagster/column_schema": schema(
            source="The upstream, case or kind of file.",
            state="The worst that is true of it.",
            last_success="The last complete answer for a day of its time, or the last load that was let in.",
            lag="How long ago that was.",
            volume="Rows of its newest whole day, and how many it usually brings.",
            quarantine="What waits for a person.",
            to_do="What to do.",
        )
    },
)
def health(installation: Installation, clock: Clock) -> dg.MaterializeResult:
    from ingestion.health import health as look
    from ingestion.health_page import ago, quarantine_told, volume_told, write_health_page
    from ingestion.limits import limits_from

    home = installation.folders()
    facts = look(home, clock.now(), limits_from(os.environ))
    page = write_health_page(home, facts)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(facts.sources),
            "sources_that_need_somebody": len(facts.ill),
            "page": dg.MetadataValue.path(str(page)),
            "preview": table(
                (
                    {
                        "source": one.source,
                        "state": one.state.value,
                        "last_success": f"{one.last_success:%Y-%m-%d %H:%M}" if one.last_success else "",
                        "lag": ago(one.lag),
                        "volume": volume_told(one),
                        "quarantine": quarantine_told(one),
                        "to_do": "\n".join(one.to_do),
                    }
                    for one in facts.sources
                ),
                empty="No source.",
            ),
        }
    )


@dg.multi_asset_check(
    name="compare_raw_tables_with_their_history",
    specs=[
        spec
        for name in WATCHED
        for spec in (
            dg.AssetCheckSpec(
                late_name(name),
                asset=raw_key(name),
                blocking=False,
                description="The newest event of each upstream that is asked regularly is as new as it "
                "should be, whatever was loaded last.",
            ),
            dg.AssetCheckSpec(
                unusual_name(name),
                asset=raw_key(name),
                blocking=False,
                description="The newest whole day of each upstream has as many rows as the same weekdays "
                "before: median and MAD of its own history.",
            ),
        )
    ],
    can_subset=True,
)
def compare_with_history(
    context: dg.AssetCheckExecutionContext, installation: Installation, clock: Clock
) -> Iterator[dg.AssetCheckResult]:
    home, now = installation.folders(), clock.now()
    for key in sorted(context.selected_asset_check_keys):
        name = key.asset_key.path[-1]
        yield _late(home, name, now) if key.name == late_name(name) else _unusual(home, name, now)


COMPARISONS = dg.AssetSelection.checks(compare_with_history)
"""No part of the jobs that load: Dagster plans and notes each check, which took a fifth of a whole run."""

compare_job: Any = dg.define_asset_job(  # Dagster does not export the type of an asset job
    COMPARE_JOB,
    selection=COMPARISONS | dg.AssetSelection.groups(Group.OPERATIONS),
    description="Looks whether upstreams bring new events, and as many rows as usual; shows how all sources "
    "do, and closes episodes that are over, also when nothing new was published. Loads nothing.",
    tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
)

compare_schedule = dg.ScheduleDefinition(
    name="compare_upstreams_with_their_history_every_morning",
    job=compare_job,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    description="At 06:00 UTC, when all that the night should have brought is there.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def _late(home: Home, name: str, now: datetime) -> dg.AssetCheckResult:
    from ingestion.health import freshness

    found = freshness(home, name, now)
    late = [one for one in found if one.is_late]
    rows = (
        {
            "source": one.source,
            "newest event": one.newest,
            "days behind": one.days_behind,
            "late after days": one.late_after_days,
        }
        for one in found
    )
    said = [
        f"{one.source}: the newest event is of {one.newest}, {one.days_behind} days ago. Ask it: "
        f"`observatory run --live --source {one.source}`."
        for one in late
    ]
    return dg.AssetCheckResult(
        asset_key=raw_key(name),
        check_name=late_name(name),
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(said) or "As new as it should be.",
        metadata={"sources": table(rows, empty=NOBODY)},
    )


def _unusual(home: Home, name: str, now: datetime) -> dg.AssetCheckResult:
    from ingestion.health import volumes

    found = volumes(home, name, now)
    unusual = [f"{source}: {volume.told}." for source, volume in found if volume.is_unusual]
    rows = (
        {
            "source": source,
            "day": volume.day,
            "rows": volume.rows,
            "usual (median)": volume.usual,
            "MAD": volume.mad,
            "compared with": volume.compared_with or "too little history",
        }
        for source, volume in found
    )
    return dg.AssetCheckResult(
        asset_key=raw_key(name),
        check_name=unusual_name(name),
        passed=not unusual,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(unusual) or "As many rows as usual, as far as there is a history.",
        metadata={"sources": table(rows, empty=NOBODY)},
    )
