"""Sessions of which the lake has no price: what an exchange held, against the newest series of each symbol.

Belongs here: which bars make a series, and what is said of its gaps. Does not belong here: when an exchange
holds sessions (`ingestion.sessions`), and what happens with a gap (marts leave it a gap).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from ingestion.effects import write_durably
from ingestion.errors import WatchlistError
from ingestion.lake import table_glob
from ingestion.sessions import missing_sessions
from ingestion.settings import Home
from ingestion.sql import connection, settled

TABLE = "price_bars"
LISTED_SESSIONS = 5
FORM = 1
"""Raise it when what is remembered changes its form or its rules."""


@dataclass(frozen=True)
class Series:
    """The sessions (days of the exchange) with a price of a symbol, as seen on `vintage_date`."""

    exchange: str
    symbol: str
    vintage_date: date
    sessions: tuple[date, ...]


@dataclass(frozen=True)
class Gap:
    """A series that lacks sessions between its first and its last, or of which that cannot be told.

    Days as YYYY-MM-DD. `problem`: why it cannot be told.
    """

    exchange: str
    symbol: str
    vintage_date: str
    first: str
    last: str
    missing: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def line(self) -> str:
        """The gap in a sentence."""
        named = f"{self.symbol} ({self.exchange}, seen {self.vintage_date})"
        if self.problem:
            return f"{named}: {self.problem}"
        more = len(self.missing) - LISTED_SESSIONS
        listing = ", ".join(self.missing[:LISTED_SESSIONS]) + (f" and {more} more" if more > 0 else "")
        count = f"{len(self.missing)} session{'s' if len(self.missing) > 1 else ''}"
        return f"{named}: no price for {count} from {self.first} to {self.last}: {listing}"


def gaps(series: Iterable[Series]) -> list[Gap]:
    """The series with gaps. A day on which the exchange rested is none."""
    return [gap for one in series if (gap := _gap(one)).missing or gap.problem]


def _gap(series: Series) -> Gap:
    first, last = min(series.sessions), max(series.sessions)
    missing: Sequence[date] = ()
    problem = None
    try:
        missing = missing_sessions(series.exchange, first, last, series.sessions)
    except WatchlistError as error:
        problem = str(error)
    return Gap(
        exchange=series.exchange,
        symbol=series.symbol,
        vintage_date=str(series.vintage_date),
        first=str(first),
        last=str(last),
        missing=tuple(map(str, missing)),
        problem=problem,
    )


def newest_series(home: Home) -> list[Series]:
    """Of each exchange and symbol in the lake the series that was seen last."""
    query = """
        WITH bars AS (FROM read_parquet($glob, union_by_name = true)),
        newest AS (SELECT exchange, symbol, max(vintage_date) AS vintage_date FROM bars GROUP BY ALL)
        SELECT exchange, symbol, vintage_date, list(DISTINCT session_date ORDER BY session_date)
        FROM bars SEMI JOIN newest USING (exchange, symbol, vintage_date)
        GROUP BY ALL
        ORDER BY exchange, symbol
    """
    if not _files(home):
        return []

    def rows() -> list[tuple[str, str, date, list[date]]]:
        with connection() as con:
            return con.execute(query, {"glob": table_glob(home, TABLE)}).fetchall()

    return [Series(exchange, symbol, seen, tuple(days)) for exchange, symbol, seen, days in settled(rows)]


def gaps_in_lake(home: Home, memory: Path) -> list[Gap]:
    """Gaps of the newest series. `memory` keeps them: a lake that has not changed is not read again."""
    state = _state(home)
    known = json.loads(memory.read_bytes()) if memory.exists() else {}
    if known.get("state") != state:
        known = {"state": state, "gaps": [asdict(gap) for gap in gaps(newest_series(home))]}
        write_durably(memory, json.dumps(known).encode())
    return [Gap(**{**gap, "missing": tuple(gap["missing"])}) for gap in known["gaps"]]


def _state(home: Home) -> str:
    """Names what the gaps follow from: files are replaced, never written in place."""
    lines = [f"form {FORM}", f"calendars {version('exchange-calendars')}"]
    for path in _files(home):
        status = path.stat()
        lines.append(f"{path.relative_to(home.lake)} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _files(home: Home) -> list[Path]:
    return sorted((home.lake / "raw").glob(f"*/{TABLE}/day=*/*.parquet"))
