"""The processes of the simulated installation: starting, killing and finding them.

Belongs here: the daemon, the code server, the workers of runs and the reader, as processes. Does not belong
here: when which of them is killed (`tests.soak.run`).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ingestion.settings import PROJECT_ROOT, Home
from tests.soak.clock import CLOCK
from tests.soak.marts import MARTS
from tests.soak.world import write_watchlist

CODE_SERVER, DAEMON, READER = "code server", "daemon", "reader"
START_SECONDS = 240.0
RESTART_SECONDS = (0.0, 3.0)
MANY = 10
WORKER = "from multiprocessing.spawn import spawn_main"


@dataclass(frozen=True)
class Place:
    """Where one simulated installation lives: its home, its clock, its logs, and which marts it has."""

    folder: Path
    marts: tuple[str, ...] = ()

    @property
    def home(self) -> Home:
        """All state of the product."""
        return Home(self.folder / "home")

    @property
    def clock(self) -> Path:
        """The file of the simulated time."""
        return self.folder / "clock"

    @property
    def report(self) -> Path:
        """What the reader has seen so far."""
        return self.folder / "reader.json"

    def environment(self, mirror: str) -> dict[str, str]:
        """What the product's processes are told; `mirror` is the address of the upstreams."""
        cases = self.folder / "no_cases"
        cases.mkdir(parents=True, exist_ok=True)
        return {
            **os.environ,
            "OBSERVATORY_HOME": str(self.home.root),
            "DAGSTER_HOME": str(self.home.dagster),
            "OBSERVATORY_WATCHLIST": str(write_watchlist(self.folder)),
            "OBSERVATORY_MIRROR": mirror,
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONUNBUFFERED": "1",
            CLOCK: str(self.clock),
            MARTS: ",".join(self.marts),
            "SOAK_CASES": str(cases),
        }


class Processes:
    """The daemon, the code server and the reader; whichever of the first two ends is started again."""

    def __init__(self, place: Place, environment: dict[str, str], dice: random.Random) -> None:
        self._place, self._environment, self._dice = place, environment, dice
        self._port = _free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._due: dict[str, float] = {}
        self._lock = threading.Lock()
        self.restarts = 0
        self.ended: list[str] = []
        """Processes that ended without being killed, a line each."""

    def start(self) -> None:
        """Starts all three. The code server listens when this returns."""
        for name in (CODE_SERVER, DAEMON, READER):
            self._start(name)
        _wait_for_port(self._port)

    def tend(self) -> None:
        """Starts again what has ended, a moment after that; never the reader.

        Raises RuntimeError if processes end by themselves again and again.
        """
        if len(self.ended) > MANY:
            raise RuntimeError(f"{self.ended[-1]}; see the logs in {self._place.folder}")
        now = time.monotonic()
        with self._lock:
            for name, process in list(self._running.items()):
                code = process.poll()
                if code is None:
                    continue
                if code != -signal.SIGKILL and name not in self._due:
                    self.ended.append(f"the {name} has ended by itself with {code}")
                if name == READER:
                    del self._running[name]
                elif now >= self._due.setdefault(name, now + self._dice.uniform(*RESTART_SECONDS)):
                    del self._due[name]
                    self.restarts += 1
                    self._start(name)

    def kill(self, name: str) -> bool:
        """SIGKILL; whether the process was there to be killed."""
        with self._lock:
            process = self._running[name]
            if process.poll() is not None:
                return False
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True

    def workers(self) -> list[psutil.Process]:
        """Processes of runs of this installation, also those whose code server is gone."""
        ours = _processes_of(str(self._place.home.root))
        return [process for process in ours if any(WORKER in part for part in process.info["cmdline"] or ())]

    def run(self, *arguments: str) -> str:
        """Runs a command of Dagster's with the installation's environment; gives what it says."""
        workspace = ["--workspace", str(self._workspace())]
        done = subprocess.run(
            [sys.executable, "-m", "dagster", *arguments, *workspace],
            env=self._environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"dagster {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def stop(self) -> None:
        """Nothing that was started is left."""
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
        for left in _processes_of(str(self._place.home.root)):  # a killed worker leaves what follows its logs
            with suppress(psutil.NoSuchProcess):
                left.kill()

    def _start(self, name: str) -> None:
        with (self._place.folder / f"{name.replace(' ', '_')}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", *self._arguments(name)],
                env=self._environment,
                cwd=PROJECT_ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def _arguments(self, name: str) -> list[str]:
        if name == READER:
            return ["tests.soak.reader", str(self._place.home.published_database), str(self._place.report)]
        if name == DAEMON:
            return ["tests.soak.daemon", "--workspace", str(self._workspace())]
        address = ["--host", "127.0.0.1", "--port", str(self._port), "--location-name", "soak"]
        return ["dagster", "api", "grpc", "--module-name", "tests.soak.location", *address]

    def _workspace(self) -> Path:
        path = self._place.folder / "workspace.yaml"
        path.write_text(
            f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {self._port}, location_name: soak}}\n"
        )
        return path


@contextmanager
def running(place: Place, mirror: str, dice: random.Random) -> Iterator[Processes]:
    """The processes, which are gone afterwards."""
    processes = Processes(place, place.environment(mirror), dice)
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()


def _processes_of(home: str) -> Iterator[psutil.Process]:
    """Whatever was started for this home, by whomever, but for this process."""
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if process.environ().get("OBSERVATORY_HOME") == home and process.pid != os.getpid():
                yield process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError("the code server did not start") from None
            time.sleep(0.2)
