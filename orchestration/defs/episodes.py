"""An episode that the marts show is an event: the asset that detects it, and the work that it starts.

Detection follows each publish, needs no network, and writes the page of the episode. What asks upstreams is
off until a person turns its sensor on; the sensor then catches up with every episode that is open.

What is asked for once is done when a run has succeeded and no upstream lacks a day of it. Otherwise it is
tried again some hours later, a few times; then the page of the episode says what is missing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingestion.settings import Home
from ingestion.sources import SOURCES
from orchestration.defs.health import COMPARISONS
from orchestration.defs.published import PUBLISHED
from orchestration.defs.received import READ_AGAIN, RELEASED
from orchestration.defs.runs import RUN_KEY_TAG
from orchestration.defs.upstreams import STEP, missing_windows, unasked_sources, upstream_key
from orchestration.installation import ONLINE, Clock, Installation
from orchestration.presentation import OWNERS, Group, schema, table

if TYPE_CHECKING:
    from orchestration.episodes import Episode

EPISODES = dg.AssetKey("detected_episodes")
CLOSER_JOB = "look_closer_at_a_detected_episode"
MAX_RUNTIME_SECONDS = 4 * 3600
TICK_SECONDS = 300
ASKED_TAG = "observatory/asked_at"
"""When a run was asked for, by the sensor's clock."""
TRIES = 4
TRY_AGAIN_AFTER = timedelta(hours=6)
"""An upstream that is down is down for hours: work that was not done is asked for again, so often in all."""
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


@dataclass(frozen=True)
class Work:
    """What an episode asks for once: these sources, for these days."""

    episode_id: str
    name: str
    sources: tuple[str, ...]
    config: dict[str, object]

    def run_key(self, attempt: int) -> str:
        """The same if a tick is lost."""
        key = f"{self.episode_id}-{self.name}"
        return key if attempt == 1 else f"{key}-{attempt}"


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
        tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)} | ONLINE,
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
        from orchestration.episodes import detect

        home, now = installation.folders(), clock.now()
        # An episode ends by the clock, also when nothing new is published.
        lasting = [one for one in detect(home, now).episodes if one.is_open]
        if not lasting:
            return dg.SkipReason("No episode is open.")
        requests, told = [], []
        for work in (work for episode in lasting for work in _to_do(episode, now)):
            attempt, lacks = _attempt(context.instance, home, work, now)
            if attempt:
                requests.append(_request(work.run_key(attempt), work.sources, work.config, rest, now))
            if lacks:
                told.append(f"{work.episode_id}, {work.name}: {lacks}")
        slot = _slot(now)
        if context.cursor != slot:
            config: dict[str, object] = {"more_storefronts": True}
            requests.append(_request(f"charts-{slot}", CHART_SOURCES, config, rest, now))
        said = "\n".join(told) or "Nothing is due."
        if requests and told:
            context.log.warning(said)
        return dg.SensorResult(requests, skip_reason=None if requests else said, cursor=slot)

    return look_closer


def _to_do(episode: "Episode", now: datetime) -> Iterator[Work]:
    """The work that an episode asks for once, as far as it is not known to be done."""
    first = episode.first_day - timedelta(days=BACKFILL_DAYS)
    days: dict[str, object] = {"first": str(first), "last": str(min(episode.last_day, now.date()))}
    wanted = (
        Work(episode.id, "news", NEWS_SOURCES, {**days, "platforms": [episode.platform_id]}),
        Work(episode.id, "history", HISTORY_SOURCES, days),
    )
    return (work for work in wanted if work.name not in episode.done)


def _attempt(
    instance: dg.DagsterInstance, home: Home, work: Work, now: datetime
) -> tuple[int | None, str | None]:
    """The number of the run that is due, if one is; and what is missing where no other follows.

    Notes what has become of the work with its episode.
    """
    from orchestration.episodes import note_done, note_lacking

    keys = [work.run_key(attempt) for attempt in range(1, TRIES + 1)]
    runs = instance.get_runs(dg.RunsFilter(job_name=CLOSER_JOB, tags={RUN_KEY_TAG: keys}))
    if not runs:
        return 1, None
    last = runs[0]
    if not last.is_finished:
        return None, None
    lacks = _lacks(instance, home, work, last)
    if lacks is None:
        note_done(home, work.episode_id, work.name, now)
        return None, None
    attempts = len({run.tags[RUN_KEY_TAG] for run in runs})
    if attempts >= TRIES:
        note_lacking(home, work.episode_id, work.name, lacks)
        return None, lacks
    asked_at = last.tags.get(ASKED_TAG)
    is_early = asked_at is not None and now - datetime.fromisoformat(asked_at) < TRY_AGAIN_AFTER
    return (None if is_early else attempts + 1), None


def _lacks(instance: dg.DagsterInstance, home: Home, work: Work, run: dg.DagsterRun) -> str | None:
    """What is missing after a run, and what to do; None if nothing is."""
    from ingestion.windows import days_told

    if run.status is not dg.DagsterRunStatus.SUCCESS:
        return f"Run {run.run_id} ended with {run.status.value}: see why, and start it again from its page."
    told = []
    for name in work.sources:
        if days := _missing_days(home, name, run):
            ask = f"`observatory run --live --source {name} --from {days[0]} --to {days[-1]}`"
            told.append(f"{name} lacks {days_told(days)}: ask again, {ask}.")
    if not told and unasked_sources(instance, run.run_id):
        # A source that could not be asked at all, as while another run did, has written nothing down.
        told = list(missing_windows(instance, run.run_id))
    return " ".join(told) or None


def _missing_days(home: Home, name: str, run: dg.DagsterRun) -> list[date]:
    """Days of a run's window that a source lacks. Of those that were not over more is asked for anyway."""
    from ingestion.fetch import is_settled
    from ingestion.windows import day_reports

    ops: Any = run.run_config["ops"]
    asked = ops[STEP]["config"]
    return [
        report.day
        for report in day_reports(home, name)
        if report.state.is_lacking
        and asked["first"] <= str(report.day) <= asked["last"]
        and is_settled(SOURCES[name], report.day, report.asked_at)
    ]


def _request(
    run_key: str,
    sources: Sequence[str],
    config: dict[str, object],
    rest: Sequence[dg.AssetKey],
    now: datetime,
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[*(upstream_key(name) for name in sources), *rest],
        run_config={"ops": {STEP: {"config": config}}},
        tags={ASKED_TAG: now.isoformat()},
    )


def _slot(now: datetime) -> str:
    """The stretch of hours that `now` lies in, in UTC."""
    moment = now.astimezone(UTC)
    return f"{moment:%Y-%m-%d}T{moment.hour // CHART_HOURS * CHART_HOURS:02d}"
