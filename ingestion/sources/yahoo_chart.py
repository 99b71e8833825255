"""Yahoo chart API (v8): daily bars of watched symbols, each day's answer a vintage of its own.

Undocumented and without a key; format as recorded. Arrays are parallel to `timestamp`, which holds the
exchange's opening (UTC seconds), and any element may be NULL. `close` is adjusted for splits, `adjclose` for
dividends too: both change backwards, so a vintage is asked whole, as far back as an event study of the
earliest watched episode needs, and never as a few new days.

A piece is a bar with a close or an adjusted close. A bar with neither (a holiday, a halt) says nothing and is
no piece; where a session should have had a price, `ingestion.price_gaps` tells the gap. Nor is the bar of a
session that still runs: it has no close yet. An unknown symbol is one broken piece.

After the close Yahoo may send a session twice: its bar, and the last trade as a row of its own, stamped with
its time. The later of two bars of one session is the newer; the other is a broken piece that says so.

Splits and dividends are asked for and lie in the archive; no raw table has them.
Limits: blocks an address for some 15 minutes after some 40 quick calls; refuses (429) whoever does not begin
its name like a browser, as `Mozilla/5.0 (compatible)` does.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from ingestion.errors import WatchlistError
from ingestion.source import (
    MEBIBYTE,
    Answer,
    Asking,
    Broken,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Row,
    Source,
    WrongAnswerError,
)
from ingestion.sources._documents import Document, as_json, changed, expect_status, json_object, plain
from ingestion.watchlist import Company, Watchlist

UPSTREAM = "Yahoo"
TABLE = "price_bars"
PROVIDER = "yahoo_finance"
HOST = "query1.finance.yahoo.com"

HISTORY = timedelta(days=400)
"""Days before the first that is of interest: 260 sessions to estimate a market model from."""
SETTLES_AFTER = timedelta(minutes=30)
"""Quotes are up to 20 minutes late, and a closing auction follows the session."""

SUFFIXES = {
    "XNAS": "", "XNYS": "", "ARCX": "", "XASE": "", "BATS": "", "OTCM": "",
    "XHKG": ".HK", "XSHG": ".SS", "XSHE": ".SZ", "XTKS": ".T", "XKRX": ".KS", "XTAI": ".TW",
    "XNSE": ".NS", "XBOM": ".BO", "XASX": ".AX", "XSES": ".SI", "XIDX": ".JK", "XBKK": ".BK",
    "XLON": ".L", "XETR": ".DE", "XFRA": ".F", "XPAR": ".PA", "XAMS": ".AS", "XBRU": ".BR",
    "XMIL": ".MI", "XMAD": ".MC", "XLIS": ".LS", "XSWX": ".SW", "XSTO": ".ST", "XOSL": ".OL",
    "XHEL": ".HE", "XCSE": ".CO", "XTSE": ".TO", "BVMF": ".SA", "XMEX": ".MX",
}  # fmt: skip
"""Market identifier code -> what Yahoo puts behind the ticker."""


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """One request a quoted company, for its whole series as it is seen today (UTC)."""
    episodes = asking.watchlist.episodes.values()
    first = min([asking.window.first, *(episode.window_start for episode in episodes)]) - HISTORY
    today = asking.now.astimezone(UTC).date()
    quoted = {name: c for name, c in asking.watchlist.companies.items() if c.symbol is not None}
    unknown = {name: c.exchange for name, c in quoted.items() if c.exchange not in SUFFIXES}
    if unknown:
        raise WatchlistError(
            f"Yahoo's name for the exchange is not known: {unknown}",
            source="watchlist.yaml",
            remedy="Correct `exchange`, or add it to SUFFIXES in ingestion/sources/yahoo_chart.py",
        )
    yield [_request(company, first, today) for company in quoted.values()]


def _request(company: Company, first: date, today: date) -> Request:
    exchange, symbol = str(company.exchange), str(company.symbol)
    theirs = _upstream_symbol(exchange, symbol)
    asked = {
        "period1": _midnight(first),
        "period2": _midnight(today + timedelta(days=1)),
        "interval": "1d",
        "events": "div,splits",
        "includeAdjustedClose": "true",
    }
    return Request(
        url=f"https://{HOST}/v8/finance/chart/{quote(theirs, safe='')}?{urlencode(asked)}",
        kind=Kind.JSON,
        day=today,
        labels={"exchange": exchange, "symbol": symbol, "upstream_symbol": theirs},
        headers={"User-Agent": "Mozilla/5.0 (compatible)"},  # the client puts who we are behind it
        max_bytes=8 * MEBIBYTE,
        max_unpacked_bytes=32 * MEBIBYTE,
        missing_is_answer=True,
    )


def _upstream_symbol(exchange: str, symbol: str) -> str:
    """Yahoo writes BRK-B for BRK.B, and four digits at least in Hong Kong."""
    ticker = symbol.zfill(4) if exchange == "XHKG" else symbol.replace(".", "-")
    return ticker + SUFFIXES[exchange]


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Bars of one symbol; its vintage is the day of the request."""
    expect_status(answer, UPSTREAM)
    chart = json_object(answer, UPSTREAM).get("chart")
    if not isinstance(chart, dict):
        raise WrongAnswerError(
            "Yahoo sends no chart, as it does when a quota is used up: ask again in 15 minutes",
            is_retriable=True,
        )
    if chart.get("error") is not None:
        return _refused(answer, chart["error"])
    results = chart.get("result")
    if not (isinstance(results, list) and results and isinstance(results[0], dict)):
        changed(UPSTREAM, "a chart has neither a result nor an error")
    return _bars(answer, results[0])


def _refused(answer: Answer, error: object) -> Parsed:
    """Yahoo's own words on why there is no chart."""
    code = error.get("code") if isinstance(error, dict) else None
    if code != "Not Found":
        raise WrongAnswerError(f"Yahoo refuses: {as_json(error)[:200]}", is_retriable=code != "Bad Request")
    reason = "Yahoo knows no such symbol; it may be delisted or renamed: correct it in the watchlist"
    text = f"{answer.request.labels['upstream_symbol']}: {as_json(error)}"
    return Parsed({TABLE: ()}, [Broken(TABLE, 1, text, reason)])


def _bars(answer: Answer, result: Document) -> Parsed:
    meta = _object(result.get("meta"))
    _expect_what_was_asked(answer, meta)
    stamps = result.get("timestamp") or []  # missing where the range has no bar
    if not isinstance(stamps, list):
        changed(UPSTREAM, "`timestamp` is no list")
    closes, adjusted, volumes = _series(result, len(stamps))
    zone, running_from = _zone(meta), _running_from(answer, meta)
    common: Row = {
        "exchange": answer.request.labels["exchange"],
        "symbol": answer.request.labels["symbol"],
        "vintage_date": answer.request.day,
        "currency": plain(meta.get("currency")),
        "provider": PROVIDER,
        "source_url": answer.request.url,
    }
    latest: dict[date, tuple[float, int, Row]] = {}
    broken: list[Broken] = []
    bars = zip(stamps, closes, adjusted, volumes, strict=True)
    for position, (stamp, close, adjusted_close, volume) in enumerate(bars, start=1):
        if close is None and adjusted_close is None:
            continue
        seconds = _number(stamp)
        session = None if seconds is None else _day(seconds, zone)
        if seconds is None or session is None:
            text = as_json([stamp, close, adjusted_close, volume])
            broken.append(Broken(TABLE, position, text, "the time of the bar is no number of seconds"))
        elif running_from is None or seconds < running_from:
            prices: Row = {"close": plain(close), "adjusted_close": plain(adjusted_close)}
            row = {**common, "session_date": session, **prices, "volume_shares": plain(volume)}
            before = latest.get(session)
            if before is None:
                latest[session] = (seconds, position, row)
                continue
            older, latest[session] = sorted((before, (seconds, position, row)), key=lambda bar: bar[:2])
            reason = f"another bar of the session of {session} is later and stands for it"
            broken.append(Broken(TABLE, older[1], as_json([older[0], older[2]["close"]]), reason))
    return Parsed({TABLE: [row for _, _, row in latest.values()]}, broken)


def _expect_what_was_asked(answer: Answer, meta: Document) -> None:
    asked, sent = answer.request.labels["upstream_symbol"], meta.get("symbol")
    if sent is not None and str(sent).casefold() != asked.casefold():
        raise WrongAnswerError(f"Yahoo sends {plain(sent)} where {asked} was asked", is_retriable=False)
    if meta.get("dataGranularity", "1d") != "1d":
        changed(UPSTREAM, f"bars of {as_json(meta['dataGranularity'])} where days were asked")


def _series(result: Document, length: int) -> tuple[list[object], list[object], list[object]]:
    """Closes, adjusted closes and volumes, each parallel to the time stamps."""
    indicators = _object(result.get("indicators"))
    quote_block, adjusted_block = _first(indicators.get("quote")), _first(indicators.get("adjclose"))
    found = {
        "close": quote_block.get("close"),
        "adjclose": adjusted_block.get("adjclose"),
        "volume": quote_block.get("volume"),
    }
    if length and found["close"] is None and found["adjclose"] is None:
        changed(UPSTREAM, "bars without `close` and `adjclose`")
    for name, values in found.items():
        if values is not None and not (isinstance(values, list) and len(values) == length):
            changed(UPSTREAM, f"`{name}` is not parallel to the {length} time stamps")
    nothing: list[object] = [None] * length
    closes, adjusted, volumes = (values if isinstance(values, list) else nothing for values in found.values())
    return closes, adjusted, volumes


def _zone(meta: Document) -> tzinfo:
    """The exchange's zone; its offset of today where the zone is not known."""
    name, offset = meta.get("exchangeTimezoneName"), meta.get("gmtoffset")
    try:
        return ZoneInfo(name if isinstance(name, str) else "")
    except (KeyError, ValueError, OSError):  # unknown; not a relative path; a folder of the database
        if isinstance(offset, int) and abs(offset) < 24 * 3600:
            return timezone(timedelta(seconds=offset))
    return changed(UPSTREAM, "neither `exchangeTimezoneName` nor `gmtoffset` tells the exchange's zone")


def _running_from(answer: Answer, meta: Document) -> float | None:
    """The opening of the session that was not settled when the answer was fetched."""
    regular = _object(_object(meta.get("currentTradingPeriod")).get("regular"))
    start, end = _number(regular.get("start")), _number(regular.get("end"))
    if start is None or end is None:
        return None
    is_settled = answer.fetched_at.timestamp() >= end + SETTLES_AFTER.total_seconds()
    return None if is_settled else start


def _day(seconds: float, zone: tzinfo) -> date | None:
    """The exchange's day of an instant; None for one that is thousands of years away."""
    try:
        return datetime.fromtimestamp(seconds, zone).date()
    except (ValueError, OverflowError, OSError):
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def _object(value: object) -> Document:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> Document:
    return _object(value[0]) if isinstance(value, list) and value else {}


SOURCE = Source(
    name="yahoo_chart",
    group="finance",
    description="Daily closes of watched companies and their benchmarks, as seen today.",
    tables=(TABLE,),
    hosts=(HOST, "query2.finance.yahoo.com"),
    pace=Pace(requests_per_minute=20, at_once=1, seconds_between=3.0),
    day_zone="UTC",
    ask=ask,
    read=read,
    answers_are_whole=True,
)
