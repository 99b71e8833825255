"""From a dropped file to the updated published mart, and what waiting for one costs.

Belongs here: the web UI, daemon and code servers as `observatory ui` starts them, on a home of their own, and
what they take. Does not belong here: starting them (`tests._support.web_ui`), and what a run does.

Latency is split at what Dagster notes itself: the run's creation, its first step, the step of dbt and that of
publishing. Cost is processor time as the kernel counts it, of the daemon and the code servers together; the
web server, which looks for nothing, is told apart.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import dagster as dg
import duckdb
import psutil
from rich.console import Console

from ingestion.settings import Home
from orchestration.defs.runs import MAIN_JOB
from orchestration.session import prepare_instance
from tests._support.web_ui import serving
from tests.bench.report import Line, seconds, table_of

DROPS = 3
PATIENCE_SECONDS = 300
SETTLE_SECONDS = 75
"""Every sensor has looked at least once by then."""
IDLE_SECONDS = 60
IDLE_TARGET_PERCENT = 5.0
WEB_SERVER = "dagster_webserver"
BUILD, PUBLISH = "dbt_build", "observatory"

HEADER = (
    "statement_id,subject_type,subject_id,platform_id,metric,geography,observed_date,date_precision,"
    "value,value_bound,unit,provider\n"
)


@dataclass(frozen=True)
class Latency:
    """Seconds of one drop. `start`: from the run's creation to its first step; `seen`: all of it, until a
    reader who opens the published file finds the new row."""

    detection: float
    start: float
    load: float
    dbt: float
    publish: float
    seen: float


def lines(home: Home) -> list[Line]:
    """Measures on a copy of a home on which something is published."""
    # A process of the daemon that ends late may still write a log while the folder is removed.
    with tempfile.TemporaryDirectory(prefix="observatory_latency_", ignore_cleanup_errors=True) as folder:
        copy = Home(Path(folder) / "home")
        shutil.copytree(home.root, copy.root, symlinks=True)
        with serving(copy, Path(folder) / "ui.log"):
            latencies = [drop(copy, number) for number in range(1, DROPS + 1)]
            time.sleep(SETTLE_SECONDS)
            idle = idle_percent(psutil.Process())
    return [*latency_lines(latencies), *idle_lines(idle)]


def latency_lines(latencies: Sequence[Latency]) -> list[Line]:
    """Medians, the whole first."""
    median = {
        field.name: statistics.median(getattr(one, field.name) for one in latencies)
        for field in fields(Latency)
    }
    told = {
        "detection": "detection (sensor and daemon)",
        "start": "start of the run",
        "load": "load",
        "dbt": "dbt",
        "publish": "publish",
    }
    whole = Line("dropped file to published mart", seconds(median["seen"]))
    return [whole, *(Line(f"  {said}", seconds(median[name])) for name, said in told.items())]


def idle_lines(percent: Mapping[str, float]) -> list[Line]:
    """What nothing to do costs, by kind of process."""
    waiting = sum(share for kind, share in percent.items() if kind != WEB_SERVER)
    target = f"under {IDLE_TARGET_PERCENT:.0f} % of a core"
    head = Line("idle: daemon and sensors", f"{waiting:.1f} %", target, waiting < IDLE_TARGET_PERCENT)
    return [head, *(Line(f"  {kind}", f"{share:.1f} %") for kind, share in sorted(percent.items()))]


# --- latency --------------------------------------------------------------------------------------


def drop(home: Home, number: int) -> Latency:
    """Drops a file of one row, and waits until a reader finds it."""
    name = f"V{time.time_ns()}"
    row = f"{name},platform,lemon8,lemon8,dau,US,2025-01-20,day,{number}000000,=,users,Example Vendor\n"
    aside = home.root / f"{name}.csv"
    aside.write_text(HEADER + row)
    began = time.time()
    aside.rename(home.inbox / f"published_metrics__{name}.csv")
    query = f"select 1 from marts.fct_published_metrics where statement_id = '{name}'"
    while not _finds(home, query):
        if time.time() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"{name} was not published in {PATIENCE_SECONDS} s")
        time.sleep(0.05)
    return _split(home, began, time.time())


def _finds(home: Home, query: str) -> bool:
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        return bool(connection.execute(query).fetchall())


def _split(home: Home, began: float, seen: float) -> Latency:
    """The stretches of the run that has just published."""
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        deadline = time.time() + PATIENCE_SECONDS
        while True:
            (record,) = instance.get_run_records(dg.RunsFilter(job_name=MAIN_JOB), limit=1)
            if record.dagster_run.is_finished:
                break
            if time.time() > deadline:
                raise TimeoutError(f"run {record.dagster_run.run_id} does not end")
            time.sleep(0.2)
        steps = {step.step_key: step for step in instance.get_run_step_stats(record.dagster_run.run_id)}
    first = min(step.start_time for step in steps.values() if step.start_time)
    dbt, publish = steps[BUILD], steps[PUBLISH]
    created = record.create_timestamp.timestamp()
    assert dbt.start_time and dbt.end_time and publish.end_time
    return Latency(
        detection=created - began,
        start=first - created,
        load=dbt.start_time - first,
        dbt=dbt.end_time - dbt.start_time,
        publish=publish.end_time - dbt.end_time,
        seen=seen - began,
    )


# --- idle cost ------------------------------------------------------------------------------------


def idle_percent(root: psutil.Process) -> dict[str, float]:
    """Percent of one core that each kind of process below `root` takes while nothing happens."""
    before, since = _spent(root), time.monotonic()
    time.sleep(IDLE_SECONDS)
    after, passed = _spent(root), time.monotonic() - since
    percent: dict[str, float] = {}
    for pid, (kind, spent) in after.items():
        share = 100 * (spent - before.get(pid, (kind, 0.0))[1]) / passed
        percent[kind] = percent.get(kind, 0.0) + share
    return percent


def _spent(root: psutil.Process) -> dict[int, tuple[str, float]]:
    """Processor seconds of each process, with those of its children that have ended."""
    found = {}
    for process in root.children(recursive=True):
        try:
            times = process.cpu_times()
            said = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = (
            kind_of(said),
            times.user + times.system + times.children_user + times.children_system,
        )
    return found


def kind_of(command: str) -> str:
    """What a process of Dagster is, from its command line."""
    kinds = {
        WEB_SERVER: WEB_SERVER,
        "dagster._daemon": "daemon",
        "daemon run": "daemon",
        "code-server": "code server",
        "api grpc": "code server",
        "/dg dev": "launcher",
        "dagster dev": "launcher",
    }
    return next((kind for sign, kind in kinds.items() if sign in command), "other")


if __name__ == "__main__":
    Console().print(table_of(lines(Home(Path(os.environ["OBSERVATORY_HOME"])))))
