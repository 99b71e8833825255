"""The sensors that tell people: of failed runs at once, of all else every few minutes.

Belongs here: which facts are alerts, and the page of the web UI that shows more. Does not belong here: what
is said and that it is said once (`ingestion.alerts`), and the facts (`ingestion.health`). A sensor whose
message is not accepted fails, and tells with its next tick.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import dagster as dg

from ingestion.alerts import Alert, Kind, sender, tell, ui_address
from ingestion.errors import SettingError
from ingestion.inbox import rejections
from ingestion.loads import LoadRecord
from ingestion.settings import Home
from ingestion.space import ADVICE
from orchestration.defs.episodes import EPISODES
from orchestration.defs.health import HEALTH
from orchestration.defs.lake import raw_key
from orchestration.defs.runs import blocked_tables
from orchestration.defs.upstreams import upstream_key
from orchestration.installation import Clock, Installation

if TYPE_CHECKING:
    from ingestion.health import Health, SourceHealth
    from orchestration.episodes import Episode

T = TypeVar("T")

logger = logging.getLogger(__name__)

WATCH = "tell_what_needs_somebody"
TICK_SECONDS = 300
FAILURE_SECONDS = 60
REFUSED = timedelta(days=7)
"""So long a file that was not taken stays an alert; nothing says when somebody has seen to it."""
SAID_CHARACTERS = 300
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


@dg.run_failure_sensor(
    name="tell_of_a_run_that_failed",
    minimum_interval_seconds=FAILURE_SECONDS,
    # Runs of the command `observatory` are of no code location.
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends a message, through the services of OBSERVATORY_ALERTS, of a run that failed: once for "
    "each job and step, until the job succeeds again. A check that stopped a run is told by "
    "`tell_what_needs_somebody`.",
)
def tell_of_failed_run(context: dg.RunFailureSensorContext, installation: Installation, clock: Clock) -> None:
    run = context.dagster_run
    steps = sorted({event.step_key or "" for event in context.get_step_failure_events()})
    blocked = blocked_tables(context.instance, run.run_id)
    if steps and {"__".join(raw_key(name).path) for name in blocked}.issuperset(steps):
        return
    alert = failed_run_alert(run.job_name, run.run_id, steps, context.failure_event.message or "")
    _tell([alert], installation, clock, is_open=lambda alert: True)


@dg.sensor(
    name=WATCH,
    minimum_interval_seconds=TICK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at the health of the sources and at detected episodes, writes the page "
    "`health/index.html`, and sends one message of all that is new: an episode, a load that is held back, a "
    "source that is stale. What was told is told again only after it was in order. Starts no run.",
)
def tell_what_needs_somebody(
    context: dg.SensorEvaluationContext, installation: Installation, clock: Clock
) -> dg.SkipReason:
    from ingestion.health_page import write_health_page

    home, instance = installation.folders(), context.instance
    if not home.archive.exists():
        return dg.SkipReason("Nothing was ever received.")
    facts, unhealthy = _looked_at("the health of the sources", lambda: _health(home, clock))
    known, unknown = _looked_at("detected episodes", lambda: _episodes(home, clock))
    refused, unread = _looked_at("files that were not taken", lambda: rejections(home, clock.now() - REFUSED))
    alerts = [*unhealthy, *unknown, *unread, *episode_alerts(known or (), instance)]
    alerts += health_alerts(facts, instance) if facts else ()
    alerts += refused_alerts(refused or ())
    unseen = {Kind.SPACE, Kind.STALE, Kind.HELD} if facts is None or refused is None else set()
    unseen |= {Kind.EPISODE, Kind.LACKING} if known is None else set()

    def is_open(alert: Alert) -> bool:
        return alert.kind in unseen or _still_fails(instance, alert)

    try:
        message = _tell(alerts, installation, clock, is_open=is_open)
    finally:
        if facts:
            write_health_page(home, facts)
    return dg.SkipReason(message or "There is nothing new to tell.")


def _health(home: Home, clock: Clock) -> "Health":
    from ingestion.health import health
    from ingestion.limits import limits_from

    return health(home, clock.now(), limits_from(os.environ))


def _episodes(home: Home, clock: Clock) -> "Sequence[Episode]":
    from orchestration.episodes import detect

    return detect(home, clock.now()).episodes


def _looked_at(what: str, look: Callable[[], T]) -> tuple[T | None, list[Alert]]:
    """What a look gives. One that fails is an alert itself and stops no other: nobody would hear of it."""
    try:
        return look(), []
    except Exception as error:
        logger.exception("%s cannot be seen", what)
        said = f"{what.capitalize()} cannot be seen, so nothing of it is told: {error}"
        page = f"/locations/migration_observatory/sensors/{WATCH}"
        return None, [Alert(Kind.BLIND, what, said, "Mend it; the next tick looks again.", page)]


def failed_run_alert(job: str, run_id: str, steps: Iterable[str], message: str) -> Alert:
    """One cause a job and the steps that failed."""
    where = ", ".join(steps)
    said = f"A run of {job} failed{f' at {where}' if where else ''}: {message[:SAID_CHARACTERS]}"
    remedy = "The next run tries again; its page says what to do if it fails for good."
    return Alert(Kind.FAILED, job, said, remedy, f"/runs/{run_id}", detail=where)


def health_alerts(facts: "Health", instance: dg.DagsterInstance) -> Iterator[Alert]:
    """A disk that is nearly full, sources that are stale, loads that are held back or cannot be completed."""
    from ingestion.health import State

    if facts.room.is_too_little:
        yield Alert(Kind.SPACE, "disk", f"{facts.room.told}.", ADVICE, _page(instance, HEALTH))
    for one in facts.sources:
        if State.STALE in one.states:
            yield _stale_alert(one, instance)
        for item in one.items:
            if item.is_batch:
                # Of a day of an upstream, the next days are likely to be held for the same reason.
                file = "" if item.receipt.day else item.receipt.file_name
                said = (
                    f"{item.receipt.file_name} ({one.source}, {item.table_name}): {'; '.join(item.reasons)}"
                )
                remedy = f"See `observatory quarantine show {item.load_id}`."
                path = _page(instance, raw_key(item.table_name))
                yield Alert(Kind.HELD, f"{one.source}, {item.table_name}", said, remedy, path, detail=file)
        for record in one.failed:
            said = (
                f"{record.file_name} ({one.source}, {record.table_name}) could not be loaded: {record.reason}"
            )
            path = _page(instance, raw_key(record.table_name))
            remedy = "The next run tries again."
            subject = f"{one.source}, {record.table_name}"
            yield Alert(Kind.HELD, subject, said, remedy, path, detail="not completed")


def episode_alerts(known: Iterable["Episode"], instance: dg.DagsterInstance) -> Iterator[Alert]:
    """Episodes that go on, and what could not be found out about them."""
    for one in known:
        if one.is_open:
            said = f"{one.platform_id} in {one.geography} since {one.first_day}: {'; '.join(one.signs)}."
            remedy = f"Read `observatory brief {one.id}`."
            yield Alert(Kind.EPISODE, one.id, said, remedy, _page(instance, EPISODES))
            for work, lacking in one.lacking.items():
                said = f"{one.id}: {work} could not be asked for: {lacking}"
                yield Alert(Kind.LACKING, one.id, said, remedy, _page(instance, EPISODES), detail=work)


def refused_alerts(records: Iterable[LoadRecord]) -> Iterator[Alert]:
    """Files of the inbox that were not taken: a name that no table has, bytes that no reader knows."""
    for record in records:
        said = f"{record.file_name} was not taken: {record.reason}"
        yield Alert(
            Kind.HELD, "inbox", said, "Drop it again when it is mended.", "/assets/inbox", record.load_id
        )


def _stale_alert(one: "SourceHealth", instance: dg.DagsterInstance) -> Alert:
    last = f"{one.last_success:%Y-%m-%d %H:%M} UTC" if one.last_success else "never"
    said = f"{one.source} has not answered completely since {last}."
    return Alert(Kind.STALE, one.source, said, " ".join(one.to_do), _page(instance, upstream_key(one.source)))


def _tell(
    alerts: Iterable[Alert], installation: Installation, clock: Clock, *, is_open: Callable[[Alert], bool]
) -> str | None:
    environ: Mapping[str, str] = os.environ
    note = partial(tell, installation.folders(), list(alerts), clock.now(), is_open=is_open)
    try:
        send = sender(environ)
    except SettingError:
        note(send=None)  # told once the addresses are right
        raise
    message = note(send=send, ui=ui_address(environ))
    return message.title if message else None


def _still_fails(instance: dg.DagsterInstance, alert: Alert) -> bool:
    """Whether the last run of the job that an alert is about has failed, too."""
    if alert.kind is not Kind.FAILED:
        return False
    last = instance.get_runs(dg.RunsFilter(job_name=alert.subject, statuses=ENDED), limit=1)
    return bool(last) and last[0].status is dg.DagsterRunStatus.FAILURE


def _page(instance: dg.DagsterInstance, key: dg.AssetKey) -> str:
    """The run that made an asset last, or the page of the asset."""
    event = instance.get_latest_materialization_event(key)
    return f"/runs/{event.run_id}" if event else f"/assets/{'/'.join(key.path)}"
