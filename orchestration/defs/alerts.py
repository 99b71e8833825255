"""The sensors that tell people: of failed runs at once, of all else every few minutes.

Belongs here: which facts are alerts, and the page of the web UI that shows more. Does not belong here: what
is said and that it is said once (`ingestion.alerts`), and the facts (`ingestion.health`). A sensor whose
message is not accepted fails, and tells with its next tick.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from ingestion.alerts import Alert, Kind, sender, tell, ui_address
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

TICK_SECONDS = 300
FAILURE_SECONDS = 60
SAID_CHARACTERS = 300
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


@dg.run_failure_sensor(
    name="tell_of_a_run_that_failed",
    minimum_interval_seconds=FAILURE_SECONDS,
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
    name="tell_what_needs_somebody",
    minimum_interval_seconds=TICK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at the health of the sources and at detected episodes, writes the page "
    "`health/index.html`, and sends one message of all that is new: an episode, a load that is held back, a "
    "source that is stale. What was told is told again only after it was in order. Starts no run.",
)
def tell_what_needs_somebody(
    context: dg.SensorEvaluationContext, installation: Installation, clock: Clock
) -> dg.SkipReason:
    from ingestion.health import health
    from ingestion.health_page import write_health_page
    from ingestion.limits import limits_from
    from orchestration.episodes import detect

    home, instance = installation.folders(), context.instance
    if not home.archive.exists():
        return dg.SkipReason("Nothing was ever received.")
    facts = health(home, clock.now(), limits_from(os.environ))
    alerts = [*health_alerts(facts, instance), *episode_alerts(detect(home, clock.now()).episodes, instance)]
    try:
        message = _tell(alerts, installation, clock, is_open=lambda alert: _still_fails(instance, alert))
    finally:
        write_health_page(home, facts)
    return dg.SkipReason(message or "There is nothing new to tell.")


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
    """Episodes that go on."""
    for one in known:
        if one.is_open:
            said = f"{one.platform_id} in {one.geography} since {one.first_day}: {'; '.join(one.signs)}."
            remedy = f"Read `observatory brief {one.id}`."
            yield Alert(Kind.EPISODE, one.id, said, remedy, _page(instance, EPISODES))


def _stale_alert(one: "SourceHealth", instance: dg.DagsterInstance) -> Alert:
    last = f"{one.last_success:%Y-%m-%d %H:%M} UTC" if one.last_success else "never"
    said = f"{one.source} has not answered completely since {last}."
    return Alert(Kind.STALE, one.source, said, " ".join(one.to_do), _page(instance, upstream_key(one.source)))


def _tell(
    alerts: Iterable[Alert], installation: Installation, clock: Clock, *, is_open: Callable[[Alert], bool]
) -> str | None:
    environ: Mapping[str, str] = os.environ
    message = tell(
        installation.folders(),
        list(alerts),
        clock.now(),
        send=sender(environ),
        ui=ui_address(environ),
        is_open=is_open,
    )
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
