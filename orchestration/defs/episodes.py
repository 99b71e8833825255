"""An episode that the marts show is an event: the asset that detects it, and the work that it starts.

Detection follows each publish, needs no network, and writes the page of the episode. What asks upstreams is
off until a person turns its sensor on; the sensor then catches up with every episode that is open.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingestion.sources import SOURCES
from orchestration.defs.health import COMPARISONS
from orchestration.defs.published import PUBLISHED
from orchestration.defs.received import READ_AGAIN, RELEASED
from orchestration.defs.upstreams import STEP, upstream_key
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, Group, schema, table

if TYPE_CHECKING:
    from orchestration.episodes import Episode

EPISODES = dg.AssetKey("detected_episodes")
CLOSER_JOB = "look_closer_at_a_detected_episode"
MAX_RUNTIME_SECONDS = 4 * 3600
TICK_SECONDS = 300
RUN_KEY_TAG = "dagster/run_key"
BACKFILL_DAYS = 30
CHART_HOURS = 3
"""How often charts of all storefronts are captured while an episode is open."""

CHART_SOURCES = tuple(s.name for s in SOURCES.values() if s.is_default and "chart_entries" in s.tables)
NEWS_SOURCES = tuple(
    s.name for s in SOURCES.values() if s.asks_by_platform and "app_listings" not in s.tables
)
"""News and attention that can be asked for one platform and for days of the past. Thirty days of GDELT's
files of all news are 50 GB: they are a backfill that a person starts."""
HISTORY_SOURCES = ("wayback_charts",)


@dg.asset(
    key=EPISODES,
    deps=[PUBLISHED],
    group_name=Group.OPERATIONS,
    owners=OWNERS,
    kinds={"json", "markdown"},
    description="Migrations that the published marts show: an app that enters the top ten of a chart of free "
    "apps, not having been in its top 25, or surges of two kinds (charts, attention, news) at a time; open "
    "until fourteen days after the last day with a sign. Each has a page in the folder `briefs`.",
    metadata={
        "dagster/column_schema": schema(
            episode="Names the episode: platform, geography and first day.",
            state="open or closed.",
            first_day="The day of the first sign.",
            last_day="The last day with a sign.",
            why_closed="What ended it.",
            brief="Its page.",
        )
    },
)
def detected_episodes(
    context: dg.AssetExecutionContext, installation: Installation, clock: Clock
) -> dg.MaterializeResult:
    from orchestration.episode_brief import is_written, write_brief
    from orchestration.episodes import detect

    home = installation.folders()
    changes = detect(home, clock.now())
    for id in changes.opened:
        context.log.warning(f"Episode detected: {id}")
    # Pages of open episodes grow with the marts; one that has ended gets its last page, whoever ended it.
    pages = {
        one.id: str(write_brief(home, one.id))
        for one in changes.episodes
        if one.is_open or not is_written(home, one)
    }
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(changes.episodes),
            "opened": len(changes.opened),
            "closed": len(changes.closed),
            "preview": table(
                (
                    {
                        "episode": one.id,
                        "state": one.state.value,
                        "first_day": one.first_day,
                        "last_day": one.last_day,
                        "why_closed": one.why_closed,
                        "brief": pages.get(one.id, str(home.briefs / f"{one.id}.md")),
                    }
                    for one in reversed(changes.episodes)
                ),
                empty="None was detected.",
            ),
        }
    )


def closer_job() -> Any:  # Dagster does not export the type of an asset job
    """The whole way, with the upstreams that an episode asks before it."""
    asked = {*CHART_SOURCES, *NEWS_SOURCES, *HISTORY_SOURCES}
    others = [upstream_key(name) for name in SOURCES if name not in asked]
    return dg.define_asset_job(
        CLOSER_JOB,
        selection=dg.AssetSelection.all()
        - dg.AssetSelection.assets(RELEASED, READ_AGAIN, *others)
        - COMPARISONS,
        description="What a detected episode asks for: charts of more storefronts, news and attention of the "
        f"{BACKFILL_DAYS} days before it, and charts that the Internet Archive has kept.",
        tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
    )


def episode_sensor(assets: Iterable[dg.AssetsDefinition | dg.AssetSpec]) -> dg.SensorDefinition:
    """Starts what open episodes ask for. `assets`: everything that a run may materialize."""
    keys = {key for one in assets if isinstance(one, dg.AssetsDefinition) for key in one.keys}
    rest = sorted(keys - {upstream_key(name) for name in SOURCES} - {RELEASED, READ_AGAIN})

    @dg.sensor(
        name="look_closer_while_an_episode_lasts",
        job_name=CLOSER_JOB,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"For each episode that is open: once, news and attention of the {BACKFILL_DAYS} days "
        f"before it and charts from the Internet Archive; every {CHART_HOURS} hours, the charts of more "
        "storefronts. Ends with the episode. Uses the network.",
    )
    def look_closer(
        context: dg.SensorEvaluationContext, installation: Installation, clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        from orchestration.episodes import detect, note_started

        home, now = installation.folders(), clock.now()
        # An episode ends by the clock, also when nothing new is published.
        lasting = [one for one in detect(home, now).episodes if one.is_open]
        if not lasting:
            return dg.SkipReason("No episode is open.")
        requests = []
        for episode in lasting:
            for work, request in _once(episode, rest, now):
                # Noted once the run is there: a tick that is lost asks again, under the same key.
                if _was_started(context.instance, request):
                    note_started(home, episode.id, work, now)
                else:
                    requests.append(request)
        slot = _slot(now)
        if context.cursor != slot:
            config: dict[str, object] = {"more_storefronts": True}
            requests.append(_request(f"charts-{slot}", CHART_SOURCES, config, rest))
        return dg.SensorResult(requests, cursor=slot)

    return look_closer


def _was_started(instance: dg.DagsterInstance, request: dg.RunRequest) -> bool:
    tags = {RUN_KEY_TAG: request.run_key or ""}
    return instance.get_runs_count(dg.RunsFilter(job_name=CLOSER_JOB, tags=tags)) > 0


def _once(
    episode: "Episode", rest: Sequence[dg.AssetKey], now: datetime
) -> Iterator[tuple[str, dg.RunRequest]]:
    """The work that an episode asks for once, as far as it is not known to have been started."""
    first = episode.first_day - timedelta(days=BACKFILL_DAYS)
    days: dict[str, object] = {"first": str(first), "last": str(min(episode.last_day, now.date()))}
    wanted = {
        "news": (NEWS_SOURCES, {**days, "platforms": [episode.platform_id]}),
        "history": (HISTORY_SOURCES, days),
    }
    for work, (sources, config) in wanted.items():
        if work not in episode.started:
            yield work, _request(f"{episode.id}-{work}", sources, config, rest)


def _request(
    run_key: str, sources: Sequence[str], config: dict[str, object], rest: Sequence[dg.AssetKey]
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[*(upstream_key(name) for name in sources), *rest],
        run_config={"ops": {STEP: {"config": config}}},
    )


def _slot(now: datetime) -> str:
    """The stretch of hours that `now` lies in, in UTC."""
    moment = now.astimezone(UTC)
    return f"{moment:%Y-%m-%d}T{moment.hour // CHART_HOURS * CHART_HOURS:02d}"
