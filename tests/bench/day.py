"""A full simulated day, from upstreams on loopback to the published marts: what it costs, and of what.

Belongs here: driving the day, and measuring it. Does not belong here: upstreams (`tests.bench.simulated`).

Charts exist only while they are looked at, so a day of hourly charts is 24 fetches: a clock is put to 00:07,
01:07 and so on of the day, and the chart sources are asked each time. After the last look all other sources
that only answer for today are asked, too; the three that are complete when the day is over (GKG, Hacker News,
page views) are asked for it at 00:50 of the next. Then everything is loaded, modelled and published once. All
of that is one process, and each step is the one that `observatory run --live` takes: `fetch_all`,
`load_pending` for each table, and the main job, which finds the lake loaded, builds the models and publishes.

Nobody sleeps for the sake of politeness here. What that would take is told: the sources' own lanes, asked
for the same numbers of requests by a clock that goes on by sleeping only. The upstreams are another process
on the same machine: "network" is mostly their work, and competes for its cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from rich.console import Console

from ingestion.fetch import FetchResult, fetch_all
from ingestion.http import Client
from ingestion.load import load_pending
from ingestion.pace import Lane
from ingestion.settings import PROJECT_ROOT, Home
from ingestion.source import Source, Window
from ingestion.sources import SOURCES
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import Watchlist
from tests._support.asking import Sleeper
from tests.bench.gkg import peak_bytes
from tests.bench.report import Line, seconds, table_of
from tests.bench.simulated import DAY, FULL, SMALL, Server, Size, Told, watched, watchlist_of

SIZES = {"full": FULL, "small": SMALL}
MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
FIRST_LOOK = timedelta(minutes=7)
AFTERWARDS = timedelta(hours=24, minutes=50)
HOURLY = ("apple_marketing_feed", "apple_legacy_feed", "google_play_charts")
WHEN_OVER = ("gdelt_gkg", "hacker_news", "wikimedia_pageviews")
MEMORY_TARGET_GB = 1.5

LOAD_PARTS = {
    "parsed": "parse",
    "checked": "check",
    "quarantined": "write",
    "partition_written": "write",
    "partition_removed": "write",
    "ledger_written": "write",
    "settled": "write",
}
"""What the time before each step of a load went into; that before all others is told as the rest."""
JOB_PARTS = {"dbt_build": "dbt", "observatory": "publish"}


@dataclass
class Report:
    """What the day came to. Seconds, bytes and rows; `missing`: what failed, a line each.

    `phases` are wall time. `fetching` adds up what all threads spent, `parts` what the main thread did.
    """

    phases: dict[str, float] = field(default_factory=dict)
    fetching: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    pace: dict[str, float] = field(default_factory=dict)
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    requests: int = 0
    received: int = 0
    unpacked: int = 0
    missing: list[str] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Adds the wall time of a block, and notes the highest peak of memory until its end."""
        started = time.perf_counter()
        yield
        self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - started
        self.peaks[name] = peak_bytes()

    def spent(self) -> dict[str, float]:
        """Where wall time went. That of asking is divided as its threads' time is."""
        asking = self.phases["charts"] + self.phases["others"]
        threads = sum(self.fetching.values()) or 1.0
        told = {f"ask: {name}": asking * spent / threads for name, spent in self.fetching.items()}
        loads = {
            f"load: {name}": spent for name, spent in self.parts.items() if name not in JOB_PARTS.values()
        }
        told |= {**loads, "load: rest": self.phases["load"] - sum(loads.values())}
        job = {name: self.parts.get(name, 0.0) for name in JOB_PARTS.values()}
        return told | job | {"job: rest": self.phases["job"] - sum(job.values())}


# --- the day --------------------------------------------------------------------------------------


class Hands:
    """A clock that is put to an instant and goes on by itself."""

    def __init__(self) -> None:
        self.put_to(MIDNIGHT)

    def put_to(self, moment: datetime) -> None:
        self._moment, self._since = moment, time.monotonic()

    def __call__(self) -> datetime:
        return self._moment + timedelta(seconds=time.monotonic() - self._since)


class Stopwatch:
    """Hears the steps of loads, and adds up what the time before each went into."""

    def __init__(self, parts: dict[str, float]) -> None:
        self._parts = parts
        self._last = time.perf_counter()

    def __call__(self, step: str) -> None:
        now = time.perf_counter()
        part = LOAD_PARTS.get(step)
        if part is not None:
            self._parts[part] = self._parts.get(part, 0.0) + now - self._last
        self._last = now


def one_day(home: Home, server: Server, size: Size) -> Report:
    """Has the whole day pass, and tells what it came to."""
    report, watchlist, now = Report(unpacked=server.unpacked_bytes), watchlist_of(size), Hands()
    client = Client(mirror=server.url, is_paced=False)
    try:
        rounds = _Rounds(home, server, watchlist, client, now, report)
        for look in range(size.looks):
            now.put_to(MIDNIGHT + FIRST_LOOK + look * timedelta(hours=24) / size.looks)
            with report.phase("charts"):
                rounds.ask([SOURCES[name] for name in HOURLY], look)
        with report.phase("others"):
            rounds.ask([s for s in _defaults() if s.name not in HOURLY + WHEN_OVER], size.looks)
            now.put_to(MIDNIGHT + AFTERWARDS)
            rounds.ask([SOURCES[name] for name in WHEN_OVER], size.looks)
    finally:
        client.close()
    with report.phase("load"):
        _load(home, watchlist, now, report)
    with report.phase("job"):
        _model_and_publish(home, watchlist, now(), report)
    return report


def _defaults() -> list[Source]:
    return [source for source in SOURCES.values() if source.is_default]


class _Rounds:
    """Fetches of several sources at the same time, one after the other."""

    def __init__(
        self,
        home: Home,
        server: Server,
        watchlist: Watchlist,
        client: Client,
        now: Hands,
        report: Report,
    ) -> None:
        self._home, self._server, self._watchlist = home, server, watchlist
        self._client, self._now, self._report = client, now, report
        self._asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def ask(self, sources: Sequence[Source], look: int) -> None:
        """Asks for the day, as it is now."""
        self._asked.clear()
        told = [watched(source, str(look), self._tell) for source in sources]
        for result in fetch_all(
            self._home,
            told,
            Window(DAY, DAY),
            watchlist=self._watchlist,
            client=self._client,
            now=self._now,
        ):
            self._add(result)
        for name, took in pace_seconds(self._asked).items():
            self._report.pace[name] = self._report.pace.get(name, 0.0) + took

    def _tell(self, told: Sequence[Told]) -> None:
        with self._lock:
            self._asked.update((name, urlsplit(request.url).netloc) for name, _, request in told)
        self._server.tell(told)

    def _add(self, result: FetchResult) -> None:
        report = self._report
        report.requests += result.requests
        report.received += result.bytes_received
        report.missing += result.missing
        spent = {
            "network and archive": result.network_seconds,
            "read": result.reading_seconds,
            "wait and rest": result.waiting_seconds,
        }
        for name, took in spent.items():
            report.fetching[name] = report.fetching.get(name, 0.0) + took


def pace_seconds(asked: Counter[tuple[str, str]]) -> dict[str, float]:
    """How long each source would have to wait for its turns, by requests of each source at each host."""
    longest: dict[str, float] = {}
    for (name, _), requests in asked.items():
        clock = Sleeper()
        lane = Lane(SOURCES[name].pace, clock.monotonic, clock.sleep)
        for _ in range(requests):
            with lane.turn():
                pass
        longest[name] = max(longest.get(name, 0.0), sum(clock.slept))
    return longest


def _load(home: Home, watchlist: Watchlist, now: Callable[[], datetime], report: Report) -> None:
    stopwatch = Stopwatch(report.parts)
    for name in RAW_TABLES:
        for result in load_pending(home, name, watchlist.ids(), now, stopwatch):
            published, kept_back = report.rows.get(name, (0, 0))
            record = result.record
            report.rows[name] = (published + record.rows_published, kept_back + record.rows_quarantined)
            if record.verdict not in ("published", "published_with_quarantine"):
                report.missing.append(f"{record.file_name}, {name}: {record.verdict}: {record.reason}")


def _model_and_publish(home: Home, watchlist: Watchlist, now: datetime, report: Report) -> None:
    from orchestration.dbt import ensure_manifest
    from orchestration.installation import Clock, Installation
    from orchestration.session import run_main_job

    path = home.root / "watchlist.yaml"
    path.write_text(yaml.safe_dump(watchlist.model_dump(exclude_none=True), allow_unicode=True))
    ensure_manifest()
    started: dict[str, float] = {}

    def hear(step: str, status: str) -> None:
        if status == "started":
            started[step] = time.perf_counter()
        elif step in JOB_PARTS:
            report.parts[JOB_PARTS[step]] = time.perf_counter() - started[step]

    outcome = run_main_job(
        home,
        cases=[],
        report=hear,
        resource_overrides={
            "installation": Installation(home=str(home.root), watchlist=str(path)),
            "clock": Clock(fixed=now.isoformat()),
        },
    )
    if not outcome.published:
        report.missing += ["nothing was published", *outcome.failures]


# --- telling --------------------------------------------------------------------------------------


def lines(folder: Path, size: str = "full") -> list[Line]:
    """The day as lines of `make bench`, measured in a process of its own.

    A full one writes 4 GB to a folder in `folder`, which is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="day_", dir=folder) as own:
        command = [sys.executable, "-m", "tests.bench.day", size, own]
        done = subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True)
    return lines_of(Report(**json.loads(done.stdout)))


def lines_of(report: Report) -> list[Line]:
    """A report as lines of a table."""
    wall, peak = sum(report.phases.values()), max(report.peaks.values()) / 1e9
    return [
        Line("day: wall time", seconds(wall)),
        Line("day: peak memory", f"{peak:.2f} GB", f"under {MEMORY_TARGET_GB} GB", peak < MEMORY_TARGET_GB),
        *(Line(f"  until the end of: {name}", f"{peak / 1e9:.2f} GB") for name, peak in report.peaks.items()),
        Line("day: requests", f"{report.requests:,}"),
        Line("day: bytes received", f"{report.received / 1e6:,.0f} MB"),
        Line("  GKG files, unpacked", f"{report.unpacked / 1e6:,.0f} MB"),
        *(
            Line(f"  rows of {name}", f"{published:,}" + (f" + {kept_back:,} kept back" if kept_back else ""))
            for name, (published, kept_back) in report.rows.items()
        ),
        *(
            Line(f"  time: {name}", f"{seconds(took)}, {took / wall:.0%}")
            for name, took in report.spent().items()
        ),
        *(
            Line(f"  politeness alone: {name}", f"{took / 60:,.1f} min")
            for name, took in sorted(report.pace.items(), key=lambda item: -item[1])
            if took >= 1
        ),
        Line("day: missing", str(len(report.missing)), "0", not report.missing),
        *(Line("  missing", line) for line in report.missing[:5]),
    ]


def main() -> int:
    """Prints the measurements; with a size and a folder, measures in this process and prints JSON."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--small"]
    if arguments:
        size, folder = SIZES[arguments[0]], Path(arguments[1])
        (folder / "upstream").mkdir()
        with Server(folder / "upstream", size) as server:
            report = one_day(Home(folder / "home"), server, size)
        sys.stdout.write(json.dumps(asdict(report)))
        return 0
    with tempfile.TemporaryDirectory(prefix="observatory_day_") as folder_name:
        chosen = "small" if "--small" in sys.argv else "full"
        Console().print(table_of(lines(Path(folder_name), chosen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
