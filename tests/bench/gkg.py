"""How fast GDELT's bulk files are filtered, and in how much memory, beside DuckDB alone and pandas.

Belongs here: files made of the recorded records, and jobs that each run in a process of their own. Does not
belong here: whether the right records are found, which tests say.

A file repeats the recorded records, each copy under an address of its own, so that none is taken for known.
`filter` is what a file costs from unpacked records to the articles that name a platform, and is held against
DuckDB that only measures the same columns of the same bytes, in one connection as well. `read` is the whole
way, from the zip file to rows; DuckDB gets the same packed bytes as gzip, since it cannot open zip files.
"""

from __future__ import annotations

import json
import re
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

from rich.console import Console

from ingestion.gkg import COLUMNS
from ingestion.settings import PROJECT_ROOT, WATCHLIST
from ingestion.source import MEBIBYTE, Answer, Kind, Request
from ingestion.watchlist import Watchlist, parse_watchlist
from tests.bench.report import Line, table_of

RECORDINGS = PROJECT_ROOT.parent / "shared" / "recordings" / "news" / "gdelt"
MEGABYTES = 100
OTHER_MEGABYTES = (20, 300)
WARM_UP_MEGABYTES = 2
TURNS = 3
ROUNDS = 5
SPEED_TARGET = 0.5
MEMORY_TARGET_MB = 400
LOOKED_AT = ("url", "outlet", "organizations", "persons", "names", "tone", "translation", "extras")


# --- files ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One file three times: unpacked, as GDELT packs it, and the same packed bytes as gzip."""

    folder: Path
    megabytes: int

    @property
    def plain(self) -> Path:
        return self.folder / f"{self.megabytes}.csv"

    @property
    def packed(self) -> Path:
        return self.folder / f"{self.megabytes}.zip"

    @property
    def as_gzip(self) -> Path:
        return self.folder / f"{self.megabytes}.csv.gz"


def make_sample(folder: Path, megabytes: int) -> Sample:
    """Writes the three files; they have `megabytes` of 10^6 bytes, unpacked."""
    sample = Sample(folder, megabytes)
    with sample.plain.open("wb") as out:
        for line in _copies():
            out.write(line)
            if out.tell() >= megabytes * 10**6:
                break
    with zipfile.ZipFile(sample.packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(sample.plain, "20250115001500.gkg.csv")
    _repack(sample)
    return sample


def _copies() -> Iterable[bytes]:
    """The recorded records over and over, each copy under another address."""
    lines = [
        line
        for name in ("gkg.csv", "gkgT.csv")
        for line in (RECORDINGS / name).read_bytes().split(b"\n")
        if line
    ]
    for copy in count():
        for line in lines:
            fields = line.split(b"\t")
            fields[COLUMNS.index("url")] += b"?copy=%d" % copy
            yield b"\t".join(fields) + b"\n"


def _repack(sample: Sample) -> None:
    """Writes the deflated bytes of the zip file as gzip, as they are."""
    with zipfile.ZipFile(sample.packed) as archive:
        (member,) = archive.infolist()
    with sample.packed.open("rb") as packed, sample.as_gzip.open("wb") as out:
        packed.seek(member.header_offset)
        name_length, extra_length = struct.unpack("<26x2H", packed.read(30))
        packed.seek(name_length + extra_length, 1)
        out.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
        out.write(packed.read(member.compress_size))
        out.write(struct.pack("<II", member.CRC, member.file_size))


# --- jobs -----------------------------------------------------------------------------------------


def _watchlist() -> Watchlist:
    return parse_watchlist(WATCHLIST.read_bytes())


def filter_job() -> Callable[[Sample], object]:
    """Ours, from unpacked records to the articles that name a platform."""
    from ingestion.sources._gkg_matches import finder_of

    finder = finder_of(_watchlist())
    return lambda sample: finder.matches(sample.plain, "en")


def read_job() -> Callable[[Sample], object]:
    """Ours, from the zip file to rows."""
    from ingestion.sources.gdelt_gkg import SOURCE

    watchlist = _watchlist()
    return lambda sample: SOURCE.read(_answer(sample), watchlist)


def _answer(sample: Sample) -> Answer:
    labels = {"edition": "en", "batch": "20250115001500"}
    request = Request(
        "https://example.com", Kind.ZIP, date(2025, 1, 15), labels, max_unpacked_bytes=1024 * MEBIBYTE
    )
    size = sample.packed.stat().st_size
    return Answer(request, 200, {}, "", size, datetime(2025, 1, 15, tzinfo=UTC), sample.packed)


def duckdb_job() -> Callable[[Sample], object]:
    """DuckDB alone, over the unpacked records."""
    return _scan(lambda sample: sample.plain)


def duckdb_gzip_job() -> Callable[[Sample], object]:
    """DuckDB alone, over the packed bytes."""
    return _scan(lambda sample: sample.as_gzip)


def _scan(path: Callable[[Sample], Path]) -> Callable[[Sample], object]:
    import duckdb

    con = duckdb.connect()
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
    touched = ", ".join(f"max(length({name}))" for name in LOOKED_AT)
    return lambda sample: con.execute(
        f"SELECT count(*), {touched} FROM read_csv('{path(sample)}', columns = {{{columns}}}, "
        "delim = '\t', quote = '', header = false, auto_detect = false)"
    ).fetchall()


def pandas_job() -> Callable[[Sample], object]:
    """pandas, reading the unpacked records."""
    import csv

    import pandas as pd

    return lambda sample: pd.read_csv(
        sample.plain,
        sep="\t",
        names=list(COLUMNS),
        dtype=str,
        quoting=csv.QUOTE_NONE,
        keep_default_na=False,
    )


JOBS = {
    "filter": filter_job,
    "duckdb": duckdb_job,
    "pandas": pandas_job,
    "read": read_job,
    "duckdb gzip": duckdb_gzip_job,
}


def do_job(name: str, folder: Path, megabytes: int) -> dict[str, object]:
    """Does a job over and over in this process: its times in seconds, and the peak of its memory in bytes."""
    job = JOBS[name]()
    job(Sample(folder, WARM_UP_MEGABYTES))
    sample = Sample(folder, megabytes)
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        job(sample)
        times.append(time.perf_counter() - started)
    return {"seconds": times, "peak": peak_bytes()}


def peak_bytes() -> int:
    """The largest resident memory of this process so far.

    Linux counts what the parent had to `ru_maxrss` of a started process; its status tells the truth.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak) * 1024
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte


# --- measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """Of one job: median time in seconds, and the highest peak of memory in bytes."""

    seconds: float
    peak: int


def measure(folder: Path, megabytes: int, names: Iterable[str], turns: int) -> dict[str, Result]:
    """Each job in a process of its own, in turns, so that a slow moment meets all of them."""
    seen: dict[str, list[dict[str, list[float]]]] = {name: [] for name in names}
    for _ in range(turns):
        for name, results in seen.items():
            command = [sys.executable, "-m", "tests.bench.gkg", name, str(folder), str(megabytes)]
            done = subprocess.run(command, cwd=PROJECT_ROOT, check=True, stdout=subprocess.PIPE)
            results.append(json.loads(done.stdout))
    return {
        name: Result(
            statistics.median(second for result in results for second in result["seconds"]),
            max(int(result["peak"]) for result in results),  # type: ignore[call-overload]
        )
        for name, results in seen.items()
    }


def lines(folder: Path) -> list[Line]:
    """All measurements, as lines of `make bench`. Files of almost a gigabyte are written below `folder`."""
    for megabytes in (WARM_UP_MEGABYTES, MEGABYTES, *OTHER_MEGABYTES):
        make_sample(folder, megabytes)
    results = measure(folder, MEGABYTES, JOBS, TURNS)
    told = [_speed(f"GKG {MEGABYTES} MB: {name}", MEGABYTES, result) for name, result in results.items()]
    for ours, baseline in (("filter", "duckdb"), ("read", "duckdb gzip")):
        ratio = results[baseline].seconds / results[ours].seconds
        told.append(
            Line(f"{ours} / {baseline}", f"{ratio:.2f}", f"at least {SPEED_TARGET}", ratio >= SPEED_TARGET)
        )
    for megabytes in sorted((MEGABYTES, *OTHER_MEGABYTES)):
        peak = measure(folder, megabytes, ["read"], 1)["read"].peak / 10**6
        told.append(
            Line(
                f"GKG {megabytes} MB: read, peak memory",
                f"{peak:.0f} MB",
                f"under {MEMORY_TARGET_MB} MB",
                peak < MEMORY_TARGET_MB,
            )
        )
    return told


def _speed(measure: str, megabytes: int, result: Result) -> Line:
    return Line(measure, f"{megabytes / result.seconds:,.0f} MB/s, {result.peak / 10**6:.0f} MB peak")


def main() -> int:
    """Prints the measurements, or does one job for them."""
    if len(sys.argv) > 1:
        name, folder, megabytes = sys.argv[1:]
        sys.stdout.write(json.dumps(do_job(name, Path(folder), int(megabytes))))
        return 0
    with tempfile.TemporaryDirectory(prefix="observatory_gkg_") as scratch:
        Console().print(table_of(lines(Path(scratch))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
