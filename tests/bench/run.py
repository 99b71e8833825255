"""What a run costs, as ratios measured on one machine in one go: `make bench`.

Belongs here: measuring whole processes from outside. Does not belong here: tests; a slow machine fails
nothing. Baselines are made on the spot, of the smallest job and project that the same tools can run.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.markup import escape

from ingestion.settings import PROJECT_ROOT, Home
from tests.bench import day, gkg, latency, mentions
from tests.bench.report import Line, seconds, table_of

MEMORY_TARGET_GB = 1.5
STEADY_TARGET = 2.0
LOADING_TARGET = 2.5
ROUNDS = 3
LOADING_ROUNDS = 5
SAMPLE_SECONDS = 0.1
HEAVY = ("great_expectations", "pandas", "dbt.cli")

# As a code server does: built, and every job and asset resolved.
LOAD_DEFINITIONS = (
    "import dagster; from orchestration.definitions import build_defs; "
    "dagster.Definitions.validate_loadable(build_defs())"
)
LOADED_HEAVY = f"{LOAD_DEFINITIONS}; import sys; print(*(set({HEAVY!r}) & set(sys.modules)))"

EMPTY_JOB = """
import dagster as dg

@dg.op
def nothing():
    pass

@dg.job(executor_def=dg.in_process_executor)
def empty():
    nothing()
"""
ONE_MODEL = {
    "dbt_project.yml": "{name: one, version: '1.0', profile: one, models: {+materialized: table}, "
    "flags: {send_anonymous_usage_stats: false}}",
    "models/one.sql": "select 1 as one",
}


class BenchError(Exception):
    """A measured command failed, so there is nothing to compare."""


@dataclass(frozen=True)
class Cost:
    """Wall time of a command, and the peak of the resident memory of its processes together."""

    seconds: float
    peak_bytes: int
    output: str


def main() -> int:
    """Measures and prints; 1 if a command failed or the definitions import what they must not."""
    err = Console(stderr=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="observatory_bench_") as folder,
            err.status("Starting ...") as progress,
        ):
            environ = os.environ | {
                "OBSERVATORY_HOME": str(Path(folder) / "home"),
                "DAGSTER_DISABLE_TELEMETRY": "1",
            }
            progress.update("The whole job, on an empty home ...")
            lines = whole_job(environ)
            progress.update("The run that finds nothing new, and its baseline ...")
            lines += steady_state(Path(folder), environ)
            progress.update("A dropped file, and nothing to do, with the real daemon ...")
            lines += latency.lines(Home(Path(folder) / "home"))
            progress.update("Loading the definitions ...")
            lines += loading(environ)
            progress.update("Recognising platforms in labelled headlines ...")
            lines += mentions.lines()
            progress.update("GDELT's bulk files, beside DuckDB and pandas ...")
            lines += gkg.lines(Path(folder))
            progress.update("A full simulated day ...")
            lines += day.lines(Path(folder))
    except (BenchError, TimeoutError) as error:
        err.print(f"[red]Error.[/red] {escape(str(error))}", soft_wrap=True)
        return 1
    except subprocess.CalledProcessError as error:
        told = (error.stderr or b"").decode(errors="replace")[-3000:]
        err.print(f"[red]Error.[/red] {escape(f'{error}{chr(10)}{told}')}", soft_wrap=True)
        return 1
    Console().print(table_of(lines))
    return 1 if any(line.met is False and line.target == "none" for line in lines) else 0


def whole_job(environ: Mapping[str, str]) -> list[Line]:
    """`observatory demo` on an empty home, as a newcomer runs it."""
    cost = run([program("observatory"), "demo"], environ, sampled=True)
    gigabytes = cost.peak_bytes / 1e9
    return [
        Line("whole job: wall time", seconds(cost.seconds)),
        Line(
            "whole job: peak memory",
            f"{gigabytes:.2f} GB",
            f"under {MEMORY_TARGET_GB} GB",
            gigabytes < MEMORY_TARGET_GB,
        ),
    ]


def steady_state(folder: Path, environ: Mapping[str, str]) -> list[Line]:
    """`observatory run` with nothing new, against an empty Dagster job and a one-model dbt build.

    All three run once before they are timed, then in turns; medians are compared.
    """
    commands = {
        "run": ([program("observatory"), "run"], environ),
        "dagster": empty_job(folder / "dagster", environ),
        "dbt": one_model(folder / "dbt", environ),
    }
    took = in_turns(commands, ROUNDS)
    ratio = took["run"] / (took["dagster"] + took["dbt"])
    return [
        Line("nothing new: wall time", seconds(took["run"])),
        Line("  baseline: empty Dagster job", seconds(took["dagster"])),
        Line("  baseline: one-model dbt build", seconds(took["dbt"])),
        Line("nothing new / baseline", f"{ratio:.2f}", f"at most {STEADY_TARGET}", ratio <= STEADY_TARGET),
    ]


def loading(environ: Mapping[str, str]) -> list[Line]:
    """The definitions against `import dagster` alone, and what they import beside it."""
    commands = {
        "definitions": ([sys.executable, "-c", LOAD_DEFINITIONS], environ),
        "dagster": ([sys.executable, "-c", "import dagster"], environ),
    }
    took = in_turns(commands, LOADING_ROUNDS)
    ratio = took["definitions"] / took["dagster"]
    heavy = run([sys.executable, "-c", LOADED_HEAVY], environ).output.split()
    return [
        Line("definitions: load time", seconds(took["definitions"])),
        Line("  baseline: import dagster", seconds(took["dagster"])),
        Line("definitions / baseline", f"{ratio:.2f}", f"at most {LOADING_TARGET}", ratio <= LOADING_TARGET),
        Line(f"of {', '.join(HEAVY)} imported", ", ".join(sorted(heavy)) or "none", "none", not heavy),
    ]


def empty_job(folder: Path, environ: Mapping[str, str]) -> tuple[list[str], Mapping[str, str]]:
    """A Dagster job of one op that does nothing, with an instance of its own."""
    write(folder, {"empty_job.py": EMPTY_JOB, "instance/dagster.yaml": "telemetry: {enabled: false}"})
    command = [program("dagster"), "job", "execute", "-f", str(folder / "empty_job.py"), "-j", "empty"]
    return command, {**environ, "DAGSTER_HOME": str(folder / "instance")}


def one_model(folder: Path, environ: Mapping[str, str]) -> tuple[list[str], Mapping[str, str]]:
    """A dbt project of one model, on a DuckDB file of its own."""
    target = f"{{type: duckdb, path: '{folder / 'one.duckdb'}', threads: 2}}"
    write(folder, {**ONE_MODEL, "profiles.yml": f"one: {{target: t, outputs: {{t: {target}}}}}"})
    command = [program("dbt"), "build", "--project-dir", str(folder), "--profiles-dir", str(folder)]
    return command, environ


def in_turns(commands: Mapping[str, tuple[list[str], Mapping[str, str]]], rounds: int) -> dict[str, float]:
    """Median wall time of each command in seconds: one turn to warm up, then `rounds` timed turns."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(1 + rounds):
        for name, (command, environ) in commands.items():
            times[name].append(run(command, environ).seconds)
    return {name: statistics.median(all_times[1:]) for name, all_times in times.items()}


def run(command: Sequence[str], environ: Mapping[str, str], *, sampled: bool = False) -> Cost:
    """Runs a command from the project's root to its end. Raises BenchError if it fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT
        )
        tree = TreeMemory(process.pid) if sampled else None
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        sampled_peak = tree.stop() if tree else 0
        output.seek(0)
        text = output.read()
    if process.returncode != 0:
        raise BenchError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-3000:]}")
    # The kernel knows the exact peak of one process; sampling alone sees what its children add.
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return Cost(elapsed, max(sampled_peak, usage.ru_maxrss * kilobyte), text)


class TreeMemory:
    """The largest resident memory of a process and all its children together, sampled in a thread."""

    def __init__(self, pid: int) -> None:
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, args=(pid,))
        self._thread.start()

    def _sample(self, pid: int) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, tree_bytes(pid))

    def stop(self) -> int:
        """Ends the sampling; the peak in bytes."""
        self._ended.set()
        self._thread.join()
        return self._peak


def tree_bytes(pid: int) -> int:
    """Resident memory of a process and all its children; 0 if it has ended."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(map(own_bytes, family))


def own_bytes(process: psutil.Process) -> int:
    """Resident memory of one process; 0 if it has ended."""
    try:
        return int(process.memory_info().rss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


def program(name: str) -> str:
    """A command of this environment: beside the interpreter, whatever PATH says."""
    return str(Path(sys.executable).with_name(name))


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Small text files, by their path below `folder`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
