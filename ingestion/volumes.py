"""How many rows a source usually brings a day, and whether a day is unlike the others.

Belongs here: counting rows of the lake's partitions, the newest event, and the comparison with the source's
own history. Does not belong here: what is done about it (`ingestion.health`, `orchestration.defs.health`).

The history of a day are the same weekdays of the eight weeks before, where there are four of them, else all
days of these weeks. A day is unusual when it is further from their median than 3.5 robust standard deviations
(1.4826 times the median absolute deviation, MAD), than a tenth of the median, and than three rows. A day
without a partition is no zero: nobody knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from ingestion.contract import RawTable
from ingestion.lake import FILE_NAME
from ingestion.settings import Home
from ingestion.sql import connection, quoted, settled

HISTORY_DAYS = 56
SAME_WEEKDAYS = 4
ANY_DAYS = 7
ROBUST_DEVIATIONS = 3.5
MAD_TO_SIGMA = 1.4826
LEAST_SHARE = 0.1
LEAST_ROWS = 3
NEWEST_PARTITIONS = 3

EVENT_TIME = {"price_bars": "session_date", "company_facts": "filed_date"}
"""When what a row tells happened, for tables whose partition is the day on which it was seen."""


@dataclass(frozen=True)
class Volume:
    """Rows of the newest whole day of a table from one source, beside its history.

    `usual`, `mad` and `compared_with` are None while there is too little history.
    """

    table: str
    day: date
    rows: int
    usual: float | None = None
    mad: float | None = None
    compared_with: str | None = None

    @property
    def is_unusual(self) -> bool:
        """Whether the day is unlike its history. Not known counts as no."""
        if self.usual is None or self.mad is None:
            return False
        spread = ROBUST_DEVIATIONS * MAD_TO_SIGMA * self.mad
        return abs(self.rows - self.usual) > max(spread, LEAST_SHARE * self.usual, LEAST_ROWS)

    @property
    def told(self) -> str:
        """In words."""
        if self.usual is None:
            return f"{self.rows} rows on {self.day}; too little history to compare with"
        return (
            f"{self.rows} rows on {self.day}, usually {self.usual:g} (MAD {self.mad:g}, {self.compared_with})"
        )


def volume_of(table: str, rows: Mapping[date, int], today: date) -> Volume | None:
    """The newest day before `today`, which may not be over, beside the days before it."""
    days = sorted(day for day in rows if day < today)
    if not days:
        return None
    newest = days[-1]
    before = [day for day in days[:-1] if newest - day <= timedelta(days=HISTORY_DAYS)]
    same = [day for day in before if day.weekday() == newest.weekday()]
    if len(same) >= SAME_WEEKDAYS:
        history, what = same, f"{len(same)} {newest:%A}s"
    elif len(before) >= ANY_DAYS:
        history, what = before, f"{len(before)} days"
    else:
        return Volume(table, newest, rows[newest])
    counts = [rows[day] for day in history]
    middle = median(counts)
    mad = median(abs(count - middle) for count in counts)
    return Volume(table, newest, rows[newest], middle, mad, what)


def rows_by_day(home: Home, source: str, table: str) -> dict[date, int]:
    """Rows of each of the newest partitions, read from the files' footers."""
    paths = _partitions(home, source, table)[-HISTORY_DAYS - 1 :]
    if not paths:
        return {}
    with connection() as con:
        found = con.execute(
            "SELECT file_name, num_rows FROM parquet_file_metadata($paths)",
            {"paths": [str(p) for p in paths]},
        ).fetchall()
    return {_day(Path(name)): int(count) for name, count in found}


def newest_event(home: Home, source: str, table: RawTable) -> date | None:
    """The last day that rows of a source tell of; looks at the newest partitions alone."""
    paths = _partitions(home, source, table.name)[-NEWEST_PARTITIONS:]
    if not paths:
        return None
    days = (EVENT_TIME[table.name],) if table.name in EVENT_TIME else table.partition_by
    event = ", ".join(f"CAST({quoted(name)} AS DATE)" for name in days)

    def newest() -> date | None:
        with connection() as con:
            found = con.execute(
                f"SELECT max(coalesce({event})) FROM read_parquet($paths, union_by_name = true)",
                {"paths": [str(path) for path in paths]},
            ).fetchall()
        day: date | None = found[0][0]
        return day

    return settled(newest)


def _partitions(home: Home, source: str, table: str) -> list[Path]:
    return sorted((home.lake / "raw" / source / table).glob(f"day=*/{FILE_NAME}"))


def _day(path: Path) -> date:
    return date.fromisoformat(path.parent.name.removeprefix("day="))
