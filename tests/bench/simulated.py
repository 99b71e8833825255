"""The upstreams of a simulated day, in a process of their own: their cost is not the observatory's.

Belongs here: how large the day is, its watchlist, GKG files of a real size, and serving all of it on
loopback. Does not belong here: asking and measuring (`tests.bench.day`), and what the other upstreams answer
(`tests._support.upstreams`).

GKG files repeat the recorded records; each copy has an id, an address and a time of its own, and a title
made of recorded words. They are made before anything is measured.
"""

from __future__ import annotations

import importlib
import pickle
import random
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from ingestion.gkg import COLUMNS
from ingestion.settings import PROJECT_ROOT, WATCHLIST
from ingestion.source import Request, Source
from ingestion.sources._gdelt import STAMP, STEP
from ingestion.sources.gdelt_gkg import EDITIONS
from ingestion.watchlist import Company, Watchlist, parse_watchlist
from tests._support.upstream import Answering, Upstream, overheard
from tests._support.upstreams.feeds import many_feeds

DAY = date(2026, 11, 20)
"""A Friday on which exchanges are open; the made-up rates of the ECB reach beyond it."""

RECORDINGS = PROJECT_ROOT.parent / "shared" / "recordings" / "news" / "gdelt"
MORE_STOREFRONTS = {
    "DE": "Europe/Berlin",
    "BR": "America/Sao_Paulo",
    "MX": "America/Mexico_City",
    "AU": "Australia/Sydney",
    "KR": "Asia/Seoul",
    "IN": "Asia/Kolkata",
    "ID": "Asia/Jakarta",
    "VN": "Asia/Ho_Chi_Minh",
    "TH": "Asia/Bangkok",
    "PL": "Europe/Warsaw",
}
WORDS_OF_TITLE = 12
COPIED = 10
"""One in so many articles has the title of the one before: of a day's stories some are copied."""
PACKING = 1
"""Deflate's quickest level: 192 files are to be made in a minute."""
AT_ONCE = 2


@dataclass(frozen=True)
class Size:
    """How large a day is. `records`: of each GKG file; `looks`: how often charts are asked for."""

    records: int
    storefronts: int
    symbols: int
    feeds: int
    looks: int


FULL = Size(records=1800, storefronts=20, symbols=60, feeds=100, looks=24)
"""1,800 records are 20 million bytes, as one file of 2025 has."""
SMALL = Size(records=4, storefronts=2, symbols=20, feeds=3, looks=2)


def watchlist_of(size: Size) -> Watchlist:
    """The bundled watchlist, with as many storefronts, quoted companies and feeds as the day has."""
    bundled = parse_watchlist(WATCHLIST.read_bytes())
    storefronts = list({**bundled.storefronts, **MORE_STOREFRONTS}.items())[: size.storefronts]
    quoted = sum(company.symbol is not None for company in bundled.companies.values())
    others = {f"made_up_{number}": _made_up(number) for number in range(size.symbols - quoted)}
    asked = {"storefronts": dict(storefronts), "companies": {**bundled.companies, **others}}
    return many_feeds(bundled.model_copy(update=asked), size.feeds)


def _made_up(number: int) -> Company:
    return Company(
        name=f"Made Up {number}", role="competitor", exchange="XNYS", symbol=f"MU{number}", currency="USD"
    )


# --- GKG files ------------------------------------------------------------------------------------

_TITLE = re.compile(rb"<PAGE_TITLE>(.*?)</PAGE_TITLE>")
_PUBLISHED = re.compile(rb"<PAGE_PRECISEPUBTIMESTAMP>\d*</PAGE_PRECISEPUBTIMESTAMP>")


@dataclass(frozen=True)
class _Recorded:
    """A recorded record: its address, the columns before and after it, and its title."""

    before: bytes
    url: bytes
    after: bytes
    title: bytes


def make_gkg_files(folder: Path, size: Size) -> int:
    """Writes both editions of all batches of the day; gives how many bytes they unpack to."""
    names = [
        f"{datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + number * STEP:{STAMP}}{edition.suffix}"
        for number in range(timedelta(days=1) // STEP)
        for edition in EDITIONS.values()
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(lambda name: _make(folder / name, size.records), names))


def _make(path: Path, records: int) -> int:
    content = b"".join(_copies(path.name, records))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=PACKING) as archive:
        archive.writestr(path.name.removesuffix(".zip"), content)
    return len(content)


def _copies(name: str, records: int) -> Iterator[bytes]:
    batch, is_translated = name.partition(".")[0].encode(), "translation" in name
    recorded = _recorded("gkgT.csv" if is_translated else "gkg.csv")
    words = [word for one in recorded for word in one.title.split()]
    dice = random.Random(name)
    letter = b"T" if is_translated else b""
    title = b""
    for number in range(records):
        one = recorded[number % len(recorded)]
        if number % COPIED or not title:
            title = b" ".join(dice.choices(words, k=WORDS_OF_TITLE))
        yield b"%b-%b%d\t%b\t%b%b?copy=%b-%d%b" % (
            *(batch, letter, number, batch, one.before, one.url, batch, number, one.after),
        )
        yield (
            b"<PAGE_PRECISEPUBTIMESTAMP>%b</PAGE_PRECISEPUBTIMESTAMP><PAGE_TITLE>%b</PAGE_TITLE>\n"
            % (batch, title)
        )


@cache
def _recorded(name: str) -> tuple[_Recorded, ...]:
    lines = [line for line in (RECORDINGS / name).read_bytes().split(b"\n") if line]
    return tuple(_split(line.split(b"\t")) for line in lines)


def _split(fields: Sequence[bytes]) -> _Recorded:
    place = COLUMNS.index("url")
    title = _TITLE.search(fields[-1])
    extras = _PUBLISHED.sub(b"", _TITLE.sub(b"", fields[-1]))
    before = b"".join(field + b"\t" for field in fields[2:place])
    after = b"".join(b"\t" + field for field in [*fields[place + 1 : -1], extras])
    return _Recorded(before, fields[place], after, title[1] if title else b"")


# --- the process ----------------------------------------------------------------------------------

Told = tuple[str, str, Request]
"""A source, which look of the day it is, and what is asked."""


class Server:
    """The process that answers. Use it as a context; it is ready when it is entered.

    `unpacked_bytes`: of all GKG files.
    """

    def __init__(self, folder: Path, size: Size) -> None:
        self._command = [sys.executable, "-m", __name__, str(folder), *map(str, astuple(size))]
        self._lock = threading.Lock()

    def __enter__(self) -> Server:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, cwd=PROJECT_ROOT, stdin=pipe, stdout=pipe)
        self.url, self.unpacked_bytes = self._heard()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.stdout.close()
        self._process.wait()

    def tell(self, told: Sequence[Told]) -> None:
        """Makes the process know how to answer requests."""
        assert self._process.stdin is not None
        with self._lock:
            pickle.dump(list(told), self._process.stdin)
            self._process.stdin.flush()
            self._heard()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)


def watched(source: Source, look: str, tell: Callable[[Sequence[Told]], None]) -> Source:
    """`source`, which tells what it asks; without its look-back, since there is one day only."""
    alone = replace(source, look_back_days=0)
    return overheard(alone, lambda batch: tell([(source.name, look, request) for request in batch]))


def _answering(name: str, look: str, folder: Path) -> Answering:
    if name == "gdelt_gkg":
        return lambda request: (folder / request.url.rpartition("/")[2]).read_bytes()
    answer: Answering = importlib.import_module(f"tests._support.upstreams.{name}").answer
    return lambda request: answer(replace(request, labels={**request.labels, "look": look}))


def main() -> int:
    """Makes the files and serves until nobody tells anything any more."""
    folder, size = Path(sys.argv[1]), Size(*map(int, sys.argv[2:]))
    unpacked_bytes = make_gkg_files(folder, size)
    with Upstream(has_etags=True) as upstream:
        _say((upstream.url, unpacked_bytes))
        while True:
            try:
                told: list[Told] = pickle.load(sys.stdin.buffer)
            except EOFError:
                return 0
            for name, look, request in told:
                upstream.know(request, _answering(name, look, folder))
            _say(None)


def _say(what: object) -> None:
    pickle.dump(what, sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
