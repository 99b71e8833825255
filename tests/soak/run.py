"""The days: puts the clock forward, kills, waits, and judges in the end.

Belongs here: when the clock goes on, when which process is killed, and what is told of it. A day is over when
the ledger says that every upstream has answered for it. If nothing goes on although it is not over, the clock
goes on by half an hour, and the next tick finds what the last one did not bring to an end.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil

from ingestion.loads import read_loads
from ingestion.settings import PROJECT_ROOT
from ingestion.windows import WindowState, day_reports
from orchestration.dbt import ensure_manifest
from orchestration.defs.runs import MAIN_JOB
from orchestration.session import prepare_instance
from tests.soak import verdict
from tests.soak.clock import at, put
from tests.soak.installation import CODE_SERVER, DAEMON, Place, Processes, running
from tests.soak.world import ATTENTION, CHARTS, FEEDS, FIRST_LOOK, World, asked_days, drop

SENSOR = f"load_charts_when_{CHARTS}_changed"
ASK = "ask_upstreams_every_half_hour_after_noon"
"""The schedule of `tests.soak.location`, which only the code server can import."""
SCHEDULE_TAG, WILL_RETRY_TAG = "dagster/schedule_name", "dagster/will_retry"
RETRIED_BY_TAG = "dagster/auto_retry_run_id"
WORKER, MACHINE = "worker", "machine"
KINDS = (MACHINE, WORKER, CODE_SERVER, DAEMON, WORKER)
"""In this proportion. `machine`: all of them at the same moment, as when the power fails."""
KILL_WITHIN = 12.0
"""Seconds of a day in which a kill may come; that of a worker as soon after that as there is one."""
LOOK_SECONDS = 0.25
QUIET_SECONDS = 20.0
"""If no worker was there for so long, nothing goes on any more."""
UP_SECONDS = 10.0
"""So long after a restart the next tick comes, as it does where the clock goes on by itself: it takes up what
was interrupted."""
SUITED = {
    "max_concurrent_runs: 2": "max_concurrent_runs: 4",
    "run_monitoring:\n": "run_monitoring:\n  poll_interval_seconds: 15\n",
}
"""What the instance has in the place of what the product's configuration says."""
DAY_SECONDS = 1200.0
SETTLE_SECONDS = 1200.0
UNDISTURBED_SECONDS = 1800.0
TICK = timedelta(minutes=30)
NIGHT = 4
"""Hour (UTC) when the nightly run is due."""


@dataclass(frozen=True)
class Plan:
    """How long, how cruel, and by which dice; `marts`: which there are, all if empty."""

    days: int
    kills: int
    seed: int
    marts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kill:
    """On which day (from 0) what is killed, and how many seconds into it."""

    number: int
    kind: str
    after: float


@dataclass
class Told:
    """What the soak came to. `wrong`: everything that does not hold, a line each."""

    days: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    loads: int = 0
    looks: int = 0
    states: int = 0
    held: int = 0
    late_ticks: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The closing table."""
        rows = {
            "simulated days": self.days,
            "requests": self.requests,
            "faults": _listed(self.faults),
            "processes killed": _listed(self.kills),
            "daemon and code server restarted": self.restarts,
            "runs": _listed(self.runs),
            "half hours in which nothing went on": self.late_ticks,
            "loads": self.loads,
            "looks of the reader": f"{self.looks}, at {self.states} states, {self.held} connections held",
            "seconds": _listed(Counter({name: round(spent) for name, spent in self.seconds.items()})),
            "wrong": len(self.wrong),
        }
        return [f"{name:<42} {value}" for name, value in rows.items()]


def kills_of(plan: Plan) -> list[Kill]:
    """As many as planned, spread over the days."""
    dice = random.Random(plan.seed)
    numbers = sorted(dice.randrange(plan.days) for _ in range(plan.kills))
    kinds = [KINDS[index % len(KINDS)] for index in range(plan.kills)]
    dice.shuffle(kinds)
    return [
        Kill(number, kind, dice.uniform(0.0, KILL_WITHIN))
        for number, kind in zip(numbers, kinds, strict=True)
    ]


def soak(folder: Path, plan: Plan, say: Callable[[str], None]) -> Told:
    """Runs all of it below `folder`, which must be empty. What is wrong stands in the result."""
    ensure_manifest()
    place, calm = Place(folder / "soak", plan.marts), Place(folder / "undisturbed", plan.marts)
    for one in (place, calm):
        one.folder.mkdir(parents=True)
    told = Told()
    with _undisturbed(calm, plan) as alone:
        _days(place, plan, told, say)
        _judge(place, plan, told)
        say("and beside the same days undisturbed")
        if alone.wait(UNDISTURBED_SECONDS):
            told.wrong.append(f"the undisturbed run failed: see {calm.folder}")
            return told
    told.wrong += verdict.different_marts(place.home, calm.home)
    return told


@contextmanager
def _undisturbed(calm: Place, plan: Plan) -> Iterator[subprocess.Popen[bytes]]:
    """The process that makes the undisturbed installation, beside the soak. It has an upstream of its own."""
    prepare_instance(calm.home)
    with (calm.folder / "log").open("wb") as log:
        alone = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.undisturbed", str(plan.days)],
            env=calm.environment(""),
            cwd=PROJECT_ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        yield alone
    finally:
        alone.kill()
        alone.wait()


def _days(place: Place, plan: Plan, told: Told, say: Callable[[str], None]) -> None:
    """Starts the installation, has the days pass, and stops it."""
    instance_folder = prepare_instance(place.home)
    _suit_to_days(instance_folder)
    with World(is_faulty=True) as world, dg.DagsterInstance.from_config(str(instance_folder)) as instance:
        put(place.clock, at(asked_days(1)[0], FIRST_LOOK - 1, 50))
        world.turn_to(asked_days(1)[0])
        with running(place, world.url, random.Random(plan.seed)) as processes:
            _Soak(plan, place, world, processes, instance, told, say).run()
            told.restarts = processes.restarts
            told.wrong += processes.ended
        told.requests, told.faults = world.requests, world.faults
        told.runs = Counter(run.status.value for run in instance.get_runs())
        told.wrong += verdict.stuck_runs(instance)


def _suit_to_days(instance: Path) -> None:
    """More runs at once than the product's two, so that days go on while whole runs are under way; and those
    that do not start are looked for more often."""
    config = instance / "dagster.yaml"
    text = config.read_text()
    for product, here in SUITED.items():
        assert product in text
        text = text.replace(product, here)
    config.write_text(text)


def _judge(place: Place, plan: Plan, told: Told) -> None:
    """The checks of the installation alone."""
    told.wrong += verdict.wrong_windows(place.home, plan.days)
    told.wrong += verdict.wrong_loads(place.home)
    told.wrong += verdict.wrong_looks(place.report)
    told.loads = len(read_loads(place.home))
    if place.report.exists():
        seen = json.loads(place.report.read_text())
        told.looks, told.states, told.held = seen["looks"], seen["states"], seen["held"]


class _Soak:
    """The days as they pass."""

    def __init__(
        self,
        plan: Plan,
        place: Place,
        world: World,
        processes: Processes,
        instance: dg.DagsterInstance,
        told: Told,
        say: Callable[[str], None],
    ) -> None:
        self._plan, self._place, self._world = plan, place, world
        self._processes, self._instance, self._told, self._say = processes, instance, told, say
        self._kills = kills_of(plan)
        self._dice = random.Random(plan.seed + 1)
        self._now = at(asked_days(1)[0], FIRST_LOOK - 1, 50)
        self._alive_at = time.monotonic()
        """When a worker was seen last."""
        self._put_at = time.monotonic()
        self._restarts = 0
        self._tick_at: float | None = None
        """When the clock goes on because something was restarted."""

    def run(self) -> None:
        """All days, then the night in which what is left is loaded and published."""
        began = time.monotonic()
        self._processes.run("sensor", "start", SENSOR)
        self._wait(self._knows_schedules, SETTLE_SECONDS, "the daemon knows no schedule")
        self._told.seconds["start"] = round(time.monotonic() - began)
        began = time.monotonic()
        for number, day in enumerate(asked_days(self._plan.days)):
            self._day(number, day)
            self._told.days += 1
        self._told.seconds["days"] = round(time.monotonic() - began)
        began = time.monotonic()
        self._end()
        self._told.seconds["end"] = round(time.monotonic() - began)

    # --- a day ------------------------------------------------------------------------------------

    def _day(self, number: int, day: date) -> None:
        began, was_killed = time.monotonic(), Counter(self._told.kills)
        self._world.turn_to(day)
        drop(self._place.home, day)
        self._put(at(day, FIRST_LOOK))
        due = [kill for kill in self._kills if kill.number <= number]
        self._kills = [kill for kill in self._kills if kill.number > number]

        def is_over() -> bool:
            self._kill(due, time.monotonic() - began)
            waits = any(kill.kind != WORKER for kill in due)
            return not waits and self._tick_at is None and self._is_asked(day)

        self._wait(is_over, DAY_SECONDS, f"{day} was never asked for")
        # Of workers there is not always one to be killed: the next day has others.
        self._kills = [Kill(number + 1, kill.kind, 0.0) for kill in due] + self._kills
        if not self._has_ticked(day):
            self._told.wrong.append(f"{day}: the schedule has not ticked")
        killed = self._told.kills - was_killed
        runs = self._instance.get_runs_count()
        spent = time.monotonic() - began
        told = f", killed: {_listed(killed)}" if killed else ""
        self._say(f"{day} ({number + 1}/{self._plan.days}) {spent:5.1f} s, {runs} runs{told}")

    def _is_asked(self, day: date) -> bool:
        """Whether the ledger has all that can be asked on a day."""
        days = {CHARTS: day, FEEDS: day, ATTENTION: day - timedelta(days=1)}
        done = (WindowState.COMPLETE, WindowState.OPEN)
        return all(
            any(
                report.day == wanted and report.state in done
                for report in day_reports(self._place.home, name)
            )
            for name, wanted in days.items()
        )

    def _asks_are_over(self) -> bool:
        """Whether no run that asks goes on or will be tried again."""
        of_schedule = {SCHEDULE_TAG: ASK}
        active = dg.RunsFilter(tags=of_schedule, statuses=verdict.ACTIVE)
        failed = dg.RunsFilter(tags=of_schedule, statuses=[dg.DagsterRunStatus.FAILURE])
        to_retry = (
            run for run in self._instance.get_runs(failed)
            if run.tags.get(WILL_RETRY_TAG) == "true" and RETRIED_BY_TAG not in run.tags
        )  # fmt: skip
        return not self._instance.get_runs_count(active) and next(to_retry, None) is None

    def _kill(self, due: list[Kill], into: float) -> None:
        """Kills what is due so many seconds into the day, and takes it from the list."""
        for kill in [kill for kill in due if kill.after <= into]:
            done = self._kill_one(kill.kind)
            if done:
                due.remove(kill)
                self._told.kills.update(done)

    def _kill_one(self, kind: str) -> list[str]:
        """What was killed; nothing where there is nothing of the kind."""
        if kind == WORKER:
            return self._kill_worker()
        if kind == MACHINE:
            served = [name for name in (CODE_SERVER, DAEMON) if self._processes.kill(name)]
            return served + [one for _ in self._processes.workers() for one in self._kill_worker()]
        return [kind] if self._processes.kill(kind) else []

    def _kill_worker(self) -> list[str]:
        workers = self._processes.workers()
        if not workers:
            return []
        try:
            self._dice.choice(workers).kill()
        except psutil.NoSuchProcess:
            return []
        return [WORKER]

    # --- waiting ----------------------------------------------------------------------------------

    def _wait(self, is_over: Callable[[], bool], seconds: float, problem: str) -> None:
        """Tends the processes until `is_over`. Raises RuntimeError after so many seconds."""
        deadline = time.monotonic() + seconds
        self._alive_at = time.monotonic()
        while not is_over():
            now = time.monotonic()
            if now > deadline:
                raise RuntimeError(f"{problem} (simulated time: {self._now})")
            self._processes.tend()
            if self._processes.restarts > self._restarts:
                self._restarts, self._tick_at = self._processes.restarts, now + UP_SECONDS
            if self._processes.workers():
                self._alive_at = now
            if self._tick_at is not None and now > self._tick_at:
                self._tick_at = None
                self._put(self._now + TICK)
            elif now - max(self._alive_at, self._put_at) > QUIET_SECONDS:
                self._told.late_ticks += 1
                self._put(self._now + TICK)
            time.sleep(LOOK_SECONDS)

    def _put(self, moment: datetime) -> None:
        """Puts the clock, which stays before midnight unless it is put to another day."""
        self._now = moment if moment.hour else self._now
        self._put_at = time.monotonic()
        put(self._place.clock, self._now)

    def _knows_schedules(self) -> bool:
        return any(state.instigator_name == ASK for state in self._instance.all_instigator_state())

    def _has_ticked(self, day: date) -> bool:
        states = [s for s in self._instance.all_instigator_state() if s.instigator_name == ASK]
        after = at(day, FIRST_LOOK).timestamp() - 1
        return any(
            tick.run_ids
            for state in states
            for tick in self._instance.get_ticks(state.instigator_origin_id, state.selector_id, after=after)
        )

    # --- the end ----------------------------------------------------------------------------------

    def _end(self) -> None:
        """Kills what is left to be killed, lets nights pass until one was quiet, and all runs are over."""
        last = asked_days(self._plan.days)[-1]
        self._wait(self._asks_are_over, SETTLE_SECONDS, "runs that ask are never over")
        nights = [last + timedelta(days=number) for number in range(1, 31)]
        for night in [night for night in nights if night.day % 8 == 1]:  # as the schedule says
            began = time.monotonic()
            known = {run.run_id for run in self._instance.get_runs()}
            self._put(at(night, NIGHT))
            due, self._kills = self._kills, []

            def is_over(due: list[Kill] = due, began: float = began) -> bool:
                self._kill(due, time.monotonic() - began)
                return self._is_settled()

            self._wait(is_over, SETTLE_SECONDS, "runs are never over")
            self._kills = due
            runs = self._instance.get_runs(
                dg.RunsFilter(job_name=MAIN_JOB, statuses=[dg.DagsterRunStatus.SUCCESS])
            )
            if not due and any(run.run_id not in known for run in runs):
                return
        self._told.wrong.append("no night was quiet")

    def _is_settled(self) -> bool:
        """Whether nothing runs or waits, and the sensors have had a moment to start something."""
        is_active = self._instance.get_runs_count(dg.RunsFilter(statuses=verdict.ACTIVE)) > 0
        return (
            not is_active and self._tick_at is None and time.monotonic() - self._alive_at > QUIET_SECONDS / 2
        )


def _listed(counted: Counter[str]) -> str:
    named = ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))
    return f"{sum(counted.values())} ({named})"


def keep_or_remove(folder: Path, wrong: Sequence[str]) -> str:
    """Removes what a soak has left if all is well; says where it is if not."""
    if wrong:
        return f"What is left is in {folder}."
    shutil.rmtree(folder)
    return ""
