"""What happens outside and starts work inside: sensors, each for one kind of event.

Those that look at files run from the start. Those that ask somebody over the network are off until a person
turns them on. A sensor only looks: what follows is a run, of the main job or of one upstream and all that
follows from it. A tick that fails keeps its cursor, and the next one looks again.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingestion.errors import ObservatoryError
from ingestion.source import Window
from ingestion.sources import SOURCES
from orchestration.defs.again import AGAIN_JOB, again_job
from orchestration.defs.received import READ_AGAIN, RELEASED
from orchestration.defs.runs import LIVE_JOB, MAIN_JOB, RUN_KEY_TAG, main_job
from orchestration.defs.upstreams import STEP, upstream_key
from orchestration.installation import Clock, Installation, Network

if TYPE_CHECKING:
    from ingestion.edits import Digests
    from ingestion.probes import Looked, Observer, Said

INBOX_SECONDS = 15
WATCHLIST_SECONDS = 60
NEWS_SECONDS = 300
CHARTS_SECONDS = 900
FILINGS_SECONDS = 900

TICK_SECONDS = 40.0
"""No request of a tick goes on for longer; Dagster ends a tick after 60."""
PROBES_A_TICK = 12
"""Addresses of one source that a tick looks at; the next tick looks at the following ones."""
TRIES = 3
TRY_AGAIN_AFTER = timedelta(minutes=30)
"""An event whose run has changed nothing, so that it is still there, starts another one: so often in all."""
LOOK_BACK_DAYS = 30
"""How far back an added platform is asked for, and news are searched for new names."""
MOST_DAYS = 7
"""How far back a sensor that was off catches up; `observatory backfill` goes further."""

CHART_SOURCES = tuple(
    source.name for source in SOURCES.values() if source.is_default and "chart_entries" in source.tables
)


@dataclass(frozen=True)
class Memory:
    """The cursor of a sensor: what it has started runs for.

    `number` counts runs, so that an event that comes a second time has another run key. `position`: of the
    first address to look at. `seen`: what is spared a second look.
    """

    digest: str = ""
    number: int = 0
    tries: int = 0
    asked_at: str = ""
    position: int = 0
    seen: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: str | None) -> "Memory":
        """What a cursor says; one of an earlier form says nothing."""
        said = json.loads(cursor) if cursor else {}
        return cls(**said) if said.keys() <= {one.name for one in fields(cls)} else cls()

    def as_cursor(self) -> str:
        """As Dagster keeps it."""
        return json.dumps(asdict(self), sort_keys=True)

    def at_rest(self) -> "Memory":
        """Nothing is there that a run should be started for."""
        return replace(self, digest="", tries=0, asked_at="")

    def after(self, digest: str, now: datetime) -> "Memory | None":
        """What is remembered once a run was started for `digest`; None where that is not due."""
        if digest != self.digest:
            return replace(self, digest=digest, number=self.number + 1, tries=1, asked_at=now.isoformat())
        is_early = now - datetime.fromisoformat(self.asked_at) < TRY_AGAIN_AFTER
        if self.tries >= TRIES or is_early:
            return None
        return replace(self, number=self.number + 1, tries=self.tries + 1, asked_at=now.isoformat())

    @property
    def run_key(self) -> str:
        """The same if a tick is lost after its run was started, and for no other event."""
        return f"{self.digest[:16]}-{self.number}"


@dataclass(frozen=True)
class Unanswered:
    """What was edited in the watchlist since a run last answered an edit of it, and how it is `now`."""

    now: "Digests"
    is_any: bool
    asked: frozenset[str]
    searched: frozenset[str]


def follow_edits(
    context: dg.SensorEvaluationContext,
    installation: Installation,
    clock: Clock,
    *,
    wanted: Callable[[Unanswered], str | None],
    request: Callable[[Unanswered, str], dg.RunRequest],
    otherwise: str,
) -> dg.SensorResult:
    """Starts a run for what was edited, and keeps the edit open until that run has succeeded.

    `wanted`: a digest of what an edit asks for, or None, of which `otherwise` is told; `request`: the run for
    it, of whose key a part is given. The cursor holds two states of the watchlist: `done`, up to which all is
    done, and `asked`, for which a run under `run_key` was started. One that failed is asked for again, as
    `Memory.after` says, and a later edit asks for both.
    """
    from ingestion.edits import Digests, digests_of, edit_between

    memory, now = Memory.of(context.cursor), digests_of(installation.parsed_watchlist())
    known = {"done": asdict(now)}

    def skipped(why: str, cursor: Memory) -> dg.SensorResult:
        return dg.SensorResult(skip_reason=dg.SkipReason(why), cursor=cursor.as_cursor())

    if not memory.seen:
        return skipped("Edits are seen from now on.", Memory(seen=known))
    if memory.digest and _succeeded(context.instance, memory.seen["run_key"]):
        memory = replace(memory.at_rest(), seen={"done": memory.seen["asked"]})
    edit = edit_between(Digests(**memory.seen["done"]), now)
    # What was asked for may be loaded, also where it was taken back since.
    asked = memory.seen.get("asked")
    is_other = asked is not None and edit_between(Digests(**asked), now).is_any
    unanswered = Unanswered(now, edit.is_any or is_other, edit.asked, edit.searched)
    digest = wanted(unanswered)
    if digest is None:
        return skipped(otherwise, replace(memory.at_rest(), seen=known))
    after = memory.after(digest, clock.now())
    if after is None:
        return skipped("A run for this edit was started already.", memory)
    run = request(unanswered, after.run_key)
    seen = {"done": memory.seen["done"], "asked": asdict(now), "run_key": run.run_key}
    return dg.SensorResult([run], cursor=replace(after, seen=seen).as_cursor())


def _succeeded(instance: dg.DagsterInstance, run_key: str) -> bool:
    """Whether a run that was started under this key has."""
    done = dg.RunsFilter(tags={RUN_KEY_TAG: run_key}, statuses=[dg.DagsterRunStatus.SUCCESS])
    return instance.get_runs_count(done) > 0


def live_request(
    keys: Collection[dg.AssetKey], sources: Sequence[str], run_key: str, config: Mapping[str, object]
) -> dg.RunRequest:
    """A run that asks these upstreams alone, and goes all the way; `config` as in `LiveConfig`."""
    wanted = {upstream_key(name) for name in sources}
    left_out = {RELEASED, READ_AGAIN} | {upstream_key(name) for name in SOURCES} - wanted
    return dg.RunRequest(
        run_key=run_key,
        job_name=LIVE_JOB,
        asset_selection=sorted(key for key in keys if key not in left_out),
        run_config={"ops": {STEP: {"config": dict(config)}}},
    )


def event_sensors(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], installation: Installation, clock: Clock
) -> list[dg.SensorDefinition]:
    """All of them. `assets`: everything that a run may materialize."""
    keys = frozenset(
        key for one in assets for key in (one.keys if isinstance(one, dg.AssetsDefinition) else ())
    )
    return [
        file_was_dropped(installation, clock),
        watchlist_was_edited,
        platform_was_added(keys),
        news_file_came_out(keys),
        *(chart_changed(name, keys) for name in CHART_SOURCES),
        filing_came_out(keys),
    ]


# --- files ----------------------------------------------------------------------------------------


def file_was_dropped(installation: Installation, clock: Clock) -> dg.SensorDefinition:
    """The sensor that looks most often, and so is given what it needs when it is made.

    For a resource that a sensor asks for, Dagster opens its storage anew with each tick: that takes longer
    than looking.
    """

    @dg.sensor(
        name="load_what_was_dropped_in_the_inbox",
        job=main_job,
        minimum_interval_seconds=INBOX_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A file or case folder in the inbox is loaded, modelled and published as soon as nobody "
        "writes to it any more.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        from ingestion.arrivals import arrivals, digest_of

        before = Memory.of(context.cursor)
        known = {path: (state, digest) for path, (state, digest) in before.seen.items()}
        found = arrivals(installation.folders(), known)
        if not found:
            skip = dg.SkipReason("Nothing that is complete lies in the inbox.")
            return dg.SensorResult(skip_reason=skip, cursor=replace(before.at_rest(), seen={}).as_cursor())
        after = before.after(digest_of(found), clock.now())
        if after is None:
            return dg.SkipReason("A run for what lies in the inbox was started already.")
        request = dg.RunRequest(run_key=f"inbox-{after.run_key}")
        return dg.SensorResult([request], cursor=replace(after, seen=found).as_cursor())

    return watch


@dg.sensor(
    name="apply_what_was_edited_in_the_watchlist",
    jobs=[main_job, again_job],
    minimum_interval_seconds=WATCHLIST_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="An edited watchlist is loaded and all that reads it built anew. Where names of platforms "
    f"are new, news of the last {LOOK_BACK_DAYS} days are searched for them in the archive. No network.",
)
def watchlist_was_edited(
    context: dg.SensorEvaluationContext, installation: Installation, clock: Clock
) -> dg.SensorResult:
    def request(edit: Unanswered, run_key: str) -> dg.RunRequest:
        from ingestion.captures import captured_days

        home, window = installation.folders(), _look_back(clock.now())
        news = [
            source.name
            for source in SOURCES.values()
            if "article_mentions" in source.tables and captured_days(home, source.name, window)
        ]
        key = f"watchlist-{run_key}"
        if not (edit.searched and news):
            return dg.RunRequest(run_key=key, job_name=MAIN_JOB)
        ops = {READ_AGAIN.to_user_string(): {"config": _days(window) | {"sources": news}}}
        return dg.RunRequest(run_key=key, job_name=AGAIN_JOB, run_config={"ops": ops})

    return follow_edits(
        context,
        installation,
        clock,
        wanted=lambda edit: edit.now.content if edit.is_any else None,
        request=request,
        otherwise="The watchlist is as it was.",
    )


# --- upstreams ------------------------------------------------------------------------------------


def platform_was_added(keys: Collection[dg.AssetKey]) -> dg.SensorDefinition:
    """Asks for what an edit of the watchlist has brought, and for nothing else."""
    sources = [source.name for source in SOURCES.values() if source.is_default and source.asks_by_platform]

    @dg.sensor(
        name="backfill_what_was_added_to_the_watchlist",
        job_name=LIVE_JOB,
        minimum_interval_seconds=WATCHLIST_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="A platform that was added to the watchlist, or that has a new app, page or name there, "
        f"is asked for over the last {LOOK_BACK_DAYS} days: that platform alone, by the upstreams that can "
        f"be asked so ({', '.join(sources)}). Uses the network.",
    )
    def watch(
        context: dg.SensorEvaluationContext, installation: Installation, clock: Clock
    ) -> dg.SensorResult:
        def request(edit: Unanswered, run_key: str) -> dg.RunRequest:
            config = _days(_look_back(clock.now())) | {"platforms": sorted(edit.asked)}
            return live_request(keys, sources, f"platforms-{run_key}", config)

        return follow_edits(
            context, installation, clock, wanted=_added, request=request, otherwise="No platform was added."
        )

    return watch


def _added(edit: Unanswered) -> str | None:
    """What is to be asked of the platforms that are to be asked for, as a digest."""
    added = {name: edit.now.asked[name] for name in sorted(edit.asked)}
    return _digest_of(json.dumps(added)) if added else None


def news_file_came_out(keys: Collection[dg.AssetKey]) -> dg.SensorDefinition:
    """Looks at GDELT's two lists of the newest files."""

    @dg.sensor(
        name="load_news_when_gdelt_has_a_new_file",
        job_name=LIVE_JOB,
        minimum_interval_seconds=NEWS_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="A new file of a quarter of an hour of the world's news is fetched, loaded and "
        "published; files that the archive has are not asked for again. Uses the network.",
    )
    def watch(
        context: dg.SensorEvaluationContext, installation: Installation, network: Network, clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        from ingestion.probes import days_of_batches, newest_batch

        before = Memory.of(context.cursor)
        with _observer("gdelt_gkg", installation, network, clock) as observer:
            lists = [request for request in observer.first_requests() if "batch" not in request.labels]
            looked = observer.look(lists, newest_batch)
        window = days_of_batches(looked.news, MOST_DAYS)
        config = {} if window is None else _days(window) | {"only_new": True}
        return _result(before, looked, ("gdelt_gkg", keys, config), clock.now())

    return watch


def chart_changed(name: str, keys: Collection[dg.AssetKey]) -> dg.SensorDefinition:
    """Looks at the charts of one source in turn."""

    @dg.sensor(
        name=f"load_charts_when_{name}_changed",
        job_name=LIVE_JOB,
        minimum_interval_seconds=CHARTS_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Looks at {PROBES_A_TICK} charts at a time, and fetches those of all storefronts when "
        "an app has moved. A list that was only made again is no change. Uses the network.",
    )
    def watch(
        context: dg.SensorEvaluationContext, installation: Installation, network: Network, clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        from ingestion.probes import ranks

        before = Memory.of(context.cursor)
        with _observer(name, installation, network, clock) as observer:
            looked, position = _in_turn(observer, observer.first_requests(), ranks, before.position)
        before = replace(before, position=position)
        return _result(before, looked, (name, keys, _days(_today(clock.now()))), clock.now())

    return watch


def filing_came_out(keys: Collection[dg.AssetKey]) -> dg.SensorDefinition:
    """Looks at the lists of filings of the watched companies in turn."""

    @dg.sensor(
        name="load_filings_when_a_watched_company_filed",
        job_name=LIVE_JOB,
        minimum_interval_seconds=FILINGS_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="A new filing of a watched company at the SEC is fetched with its figures. Uses the "
        "network, and needs OBSERVATORY_CONTACT: the SEC answers nobody without it.",
    )
    def watch(
        context: dg.SensorEvaluationContext, installation: Installation, network: Network, clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        from ingestion.probes import filings

        before = Memory.of(context.cursor)
        with _observer("sec_edgar", installation, network, clock) as observer:
            lists = [r for r in observer.first_requests() if r.labels["about"] == "filings"]
            looked, position = _in_turn(observer, lists, filings, before.position)
        before = replace(before, position=position)
        return _result(before, looked, ("sec_edgar", keys, _days(_today(clock.now()))), clock.now())

    return watch


# --- what they share ------------------------------------------------------------------------------


@contextmanager
def _observer(name: str, installation: Installation, network: Network, clock: Clock) -> "Iterator[Observer]":
    from ingestion.probes import Observer

    with network.client() as client:
        yield Observer(
            home=installation.folders(),
            source=SOURCES[name],
            watchlist=installation.parsed_watchlist(),
            client=client,
            now=clock.now(),
            deadline=time.monotonic() + TICK_SECONDS,
        )


def _in_turn(
    observer: "Observer", requests: Sequence[Any], said: "Said", position: int
) -> "tuple[Looked, int]":
    """Looks at some of the addresses, from `position` on; gives where to go on."""
    if not requests:
        return observer.look((), said), 0
    start = position % len(requests)
    chosen = [*requests[start:], *requests[:start]][:PROBES_A_TICK]
    return observer.look(chosen, said), (start + len(chosen)) % len(requests)


def _result(
    before: Memory,
    looked: "Looked",
    wanted: tuple[str, Collection[dg.AssetKey], Mapping[str, object]],
    now: datetime,
) -> dg.SensorResult:
    """A run for what is new. Raises where nothing at all could be looked at."""
    name, keys, config = wanted
    told = " ".join(looked.problems[:3])
    if looked.is_blind:
        raise ObservatoryError(
            f"could not be looked at: {told}", source=name, remedy="The next tick looks again."
        )
    if not looked.news:
        skip = dg.SkipReason(f"Nothing is new. {told}".strip())
        return dg.SensorResult(skip_reason=skip, cursor=before.at_rest().as_cursor())
    after = before.after(looked.digest, now)
    if after is None:
        skip = dg.SkipReason("A run for what is new was started already.")
        return dg.SensorResult(skip_reason=skip, cursor=before.as_cursor())
    request = live_request(keys, [name], f"{name}-{after.run_key}", config)
    return dg.SensorResult([request], cursor=after.as_cursor())


def _today(now: datetime) -> Window:
    today = now.astimezone(UTC).date()
    return Window(today, today)


def _look_back(now: datetime) -> Window:
    today = _today(now).last
    return Window(today - timedelta(days=LOOK_BACK_DAYS), today)


def _days(window: Window) -> dict[str, object]:
    return {"first": str(window.first), "last": str(window.last)}


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
