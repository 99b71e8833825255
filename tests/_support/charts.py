"""A small watchlist for chart sources, and what its tests ask and read again and again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingestion.source import Answer, Asking, Kind, Parsed, Request, Row, Source, Window, WrongAnswerError
from ingestion.sources._charts import CAPTURES, ENTRIES
from ingestion.watchlist import Watchlist, parse_watchlist
from tests._support.answers import answer_of

DAY = date(2025, 1, 15)
NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)
ZONES = {"US": "America/New_York", "JP": "Asia/Tokyo", "HK": "Asia/Hong_Kong", "CN": "Asia/Shanghai"}

WATCHLIST = parse_watchlist(
    b"""
platforms:
  tiktok:
    name: TikTok
    kind: short_video
    apps:
      app_store: {id: "835599320", status: verified, name: TikTok}
      google_play: {id: com.zhiliaoapp.musically, status: verified, name: TikTok}
  xiaohongshu:
    name: RedNote
    kind: social
    apps:
      app_store: {id: "741292507", status: verified, name: RedNote}
  clapper:
    name: Clapper
    kind: short_video
    apps:
      app_store: {status: unknown, name: Clapper}
storefronts: {"US": America/New_York, "JP": Asia/Tokyo}
"""
)


def first_asked(
    source: Source,
    *,
    watchlist: Watchlist = WATCHLIST,
    first: date = DAY,
    last: date = DAY,
    now: datetime = NOON,
) -> list[Request]:
    """The first list of requests of a source; none where it asks nothing."""
    questions = source.ask(Asking(Window(first, last), watchlist, now))
    return list(next(questions, ()))


def chart_request(url: str, country: str, chart: str, kind: Kind = Kind.JSON, **labels: str) -> Request:
    """A request as the chart sources make it."""
    known = {"country": country, "chart": chart, "zone": ZONES[country]}
    return Request(url=url, kind=kind, day=DAY, labels={**known, **labels})


def captures(parsed: Parsed) -> Sequence[Row]:
    """The rows about captures."""
    return parsed.rows[CAPTURES]


def entries(parsed: Parsed) -> Sequence[Row]:
    """The rows about ranked apps."""
    return parsed.rows[ENTRIES]


def counted(parsed: Parsed) -> tuple[int, int, int]:
    """Captures, entries, broken pieces."""
    return len(captures(parsed)), len(entries(parsed)), len(parsed.broken)


def refused(source: Source, answer: Answer, watchlist: Watchlist = WATCHLIST) -> WrongAnswerError:
    """The error with which a source refuses an answer."""
    with pytest.raises(WrongAnswerError) as caught:
        source.read(answer, watchlist)
    return caught.value


def read_or_refused(
    source: Source, request: Request, content: bytes, folder: Path, fetched_at: datetime = NOON
) -> Parsed | None:
    """What an answer says, or None where the source refuses it. Any other error is the source's fault."""
    try:
        return source.read(answer_of(request, content, folder=folder, fetched_at=fetched_at), WATCHLIST)
    except WrongAnswerError:
        return None
