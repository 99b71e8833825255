"""Readers of recorded charts that other people's scrapers have written down, each in a form of its own.

They are here, and not among the sources, because no upstream sends these forms and nobody drops such files:
who has a history of ranks imports it in the form of the raw tables. What they make of a list is made by the
code that the sources use.

Each gives what it read and how many pieces there were: pieces = entries + broken.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from ingestion.source import Broken, Parsed, Row
from ingestion.sources._charts import (
    CAPTURES,
    ENTRIES,
    GENRES,
    Capture,
    Listed,
    PieceError,
    agreed_id,
    chart_not_there,
    chart_rows,
    text_of,
)

AMERICAN = Capture(
    series="recorded",
    store="app_store",
    country="US",
    chart="top_free_overall",
    zone="America/New_York",
    captured_at=datetime(1970, 1, 1, tzinfo=UTC),
    provider="Apple",
    source_url="",
)
JAPANESE = replace(AMERICAN, country="JP", chart="top_free_finance", zone="Asia/Tokyo")
LOCAL_TIME = (date(2026, 2, 17), date(2026, 2, 19))
"""Days on which the scraper of the four genres wrote a time eight hours ahead of UTC; later it wrote UTC."""


@dataclass(frozen=True)
class Recorded:
    """What a recording holds."""

    pieces: int
    parsed: Parsed

    @property
    def captures(self) -> list[Row]:
        return list(self.parsed.rows[CAPTURES])

    @property
    def entries(self) -> list[Row]:
        return list(self.parsed.rows[ENTRIES])

    @property
    def broken(self) -> list[Broken]:
        return list(self.parsed.broken)


def finance_of_japan(folder: Path) -> Recorded:
    """The daily captures of one Japanese chart page, a file each; the name has the instant."""
    return together(_page_of_japan(path) for path in sorted(folder.glob("*.json")))


def _page_of_japan(path: Path) -> Recorded:
    captured_at = datetime.strptime(path.name.partition("_")[0], "%Y%m%dT%H%M%S%z")
    return _list(replace(JAPANESE, captured_at=captured_at), json.loads(path.read_text()), _by_url)


def history_of_japan(path: Path) -> Recorded:
    """All captures of that page in one table."""
    rows = _rows(path, "SELECT * REPLACE (epoch(captured_at) AS captured_at)", "captured_at, rank")
    return together(
        _list(
            replace(JAPANESE, captured_at=datetime.fromtimestamp(second, UTC)), list(of_capture), _by_app_id
        )
        for second, of_capture in groupby(rows, lambda row: row["captured_at"])
    )


def four_genres_of_a_day(path: Path) -> Recorded:
    """One chart of a genre on one day, as the scraper wrote it."""
    document = json.loads(path.read_text())
    return _genre(document["category_key"], document["apps"][0]["timestamp"], document["apps"])


def history_of_four_genres(path: Path) -> Recorded:
    """The four genres over all days in one table."""
    rows = _rows(path, "SELECT *", "captured_at, category_key, rank")
    return together(
        _genre(genre, stamp, list(of_capture))
        for (stamp, genre), of_capture in groupby(rows, lambda row: (row["captured_at"], row["category_key"]))
    )


def _genre(genre: str, stamp: str, apps: list[Any]) -> Recorded:
    assert genre in GENRES.values(), genre
    written = datetime.fromisoformat(f"{stamp}+00:00")
    ahead = timedelta(hours=8 if LOCAL_TIME[0] <= written.date() <= LOCAL_TIME[1] else 0)
    capture = replace(AMERICAN, chart=f"top_free_{genre}", captured_at=written - ahead)
    return _list(capture, apps, _by_itunes_id)


def normalised_feeds(path: Path, captured_at: datetime) -> dict[tuple[str, str, str], Recorded]:
    """Legacy feeds by country, kind and genre. The file knows the day only: the caller says the instant."""
    zones = {"us": "America/New_York", "jp": "Asia/Tokyo", "cn": "Asia/Shanghai"}
    found = {}
    for dataset in json.loads(path.read_text())["datasets"]:
        country, kind, genre = dataset["country"], dataset["feedType"].removeprefix("top-"), dataset["genre"]
        capture = replace(
            AMERICAN,
            series="recorded_normalised",
            country=country.upper(),
            zone=zones[country],
            chart=f"top_{kind}_{GENRES[genre]}",
            captured_at=captured_at,
            source_url=dataset["source"],
        )
        found[country, kind, genre] = _list(capture, dataset["items"], _by_id)
    return found


def one_app(path: Path) -> Recorded:
    """The rank of one app as its page told it: a look for this app alone, written when it changed."""
    with path.open(newline="") as file:
        return together(_look(row) for row in csv.DictReader(file))


def _look(row: dict[str, str]) -> Recorded:
    capture = replace(
        AMERICAN,
        series=f"recorded_{row['app_id']}",
        chart=f"top_free_{GENRES[row['genre_id']]}",
        captured_at=datetime.fromisoformat(row["captured_at"]),
    )
    said = re.search(r"#(\d+) in", row["raw"])
    if said is None:
        looked = chart_not_there(capture).rows[CAPTURES][0]
        return Recorded(1, Parsed({CAPTURES: [{**looked, "scope": "app"}], ENTRIES: []}))
    [looked], [entry] = chart_rows(capture, [row], _by_app_id).rows.values()
    return Recorded(
        1, Parsed({CAPTURES: [{**looked, "scope": "app", "depth": int(said[1])}], ENTRIES: [entry]})
    )


def names_only(path: Path, country: str) -> Recorded:
    """A list of names and ranks without ids, day or hour: nothing that a row could be made of."""
    with path.open(newline="") as file:
        pieces = list(csv.DictReader(file))
    reason = f"a name without an id names no app, and the file of {country} does not say of which day it is"
    broken = [Broken(ENTRIES, number, json.dumps(row), reason) for number, row in enumerate(pieces, start=1)]
    return Recorded(len(pieces), Parsed({CAPTURES: [], ENTRIES: []}, broken))


def together(recorded: Iterable[Recorded]) -> Recorded:
    """Several recordings as one."""
    parts = list(recorded)
    rows = {
        table: [row for part in parts for row in part.parsed.rows[table]] for table in (CAPTURES, ENTRIES)
    }
    return Recorded(
        sum(part.pieces for part in parts), Parsed(rows, [b for part in parts for b in part.broken])
    )


def _list(capture: Capture, pieces: list[Any], listed: Callable[[Any, int], Listed]) -> Recorded:
    return Recorded(len(pieces), chart_rows(capture, pieces, listed))


def _rows(path: Path, select: str, order: str) -> Iterator[dict[str, Any]]:
    with duckdb.connect() as con:
        found = con.execute(f"{select} FROM read_parquet('{path}') ORDER BY {order}")
        names = [column[0] for column in found.description or ()]
        yield from (dict(zip(names, values, strict=True)) for values in found.fetchall())


def _by_url(piece: Any, position: int) -> Listed:
    return Listed(piece["rank"], agreed_id(None, [piece["url"]]), text_of(piece["title"], "the title"))


def _by_app_id(piece: Any, position: int) -> Listed:
    rank = piece["rank"]
    if not str(rank).isdecimal():
        raise PieceError("there is no rank")
    name = piece["app"] if "app" in piece else piece["title"]
    return Listed(int(rank), agreed_id(piece["app_id"], [piece.get("url")]), text_of(name, "the name"))


def _by_itunes_id(piece: Any, position: int) -> Listed:
    app_id = agreed_id(piece["itunes_id"], [piece["store_url"]])
    return Listed(piece["rank"], app_id, text_of(piece["name"], "the name"))


def _by_id(piece: Any, position: int) -> Listed:
    return Listed(piece["rank"], agreed_id(piece["id"], [piece["url"]]), text_of(piece["name"], "the name"))
