"""Yahoo's chart API as it answers: a made-up series of any symbol, the same for the same request."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

from ingestion.sessions import expected_sessions
from ingestion.source import Request

OPENS = timedelta(hours=14, minutes=30)
NEW_YORK = ("America/New_York", "EST", -18000, "USD")


def answer(request: Request) -> bytes:
    """A chart of the asked range, in the exchange's sessions; NULL bars and a dividend are in it."""
    parts = urlsplit(request.url)
    symbol = unquote(parts.path.rpartition("/")[2])
    asked = parse_qs(parts.query)
    first, last = (datetime.fromtimestamp(int(asked[name][0]), UTC).date() for name in ("period1", "period2"))
    exchange = request.labels.get("exchange", "XNYS")
    sessions = expected_sessions(exchange, first, last - timedelta(days=1))
    return json.dumps(_chart(symbol, sessions), separators=(",", ":")).encode()


def _chart(symbol: str, sessions: list[date]) -> object:
    dice = random.Random(symbol)
    stamps = [_opening(session) for session in sessions]
    closes, price = [], dice.uniform(5, 800)
    for _ in sessions:
        price *= math.exp(dice.gauss(0.0003, 0.02))
        closes.append(round(price, 2))
    paid = len(sessions) // 2
    factor = 0.995
    adjusted = [close * factor if place < paid else close for place, close in enumerate(closes)]
    zone, abbreviation, offset, currency = NEW_YORK
    last = stamps[-1] if stamps else 0
    period = {"timezone": abbreviation, "start": last, "end": last + 23400, "gmtoffset": offset}
    meta = {
        "currency": currency, "symbol": symbol, "instrumentType": "EQUITY", "gmtoffset": offset,
        "timezone": abbreviation, "exchangeTimezoneName": zone, "regularMarketTime": last + 23400,
        "regularMarketPrice": closes[-1] if closes else None, "chartPreviousClose": 100.0, "priceHint": 2,
        "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
        "dataGranularity": "1d", "range": "", "validRanges": ["1d", "5d", "1mo", "max"],
    }  # fmt: skip
    quote = {
        "open": closes, "high": [close * 1.01 for close in closes], "low": [close * 0.99 for close in closes],
        "close": closes, "volume": [dice.randrange(10**5, 10**8) for _ in closes],
    }  # fmt: skip
    result: dict[str, object] = {"meta": meta}
    if stamps:
        dividend = {"amount": round(closes[paid] * (1 - factor), 4), "date": stamps[paid]}
        result |= {"timestamp": stamps, "events": {"dividends": {str(stamps[paid]): dividend}}}
    result["indicators"] = {"quote": [quote if stamps else {}], "adjclose": [{"adjclose": adjusted}]}
    return {"chart": {"result": [result], "error": None}}


def _opening(session: date) -> int:
    return int((datetime(session.year, session.month, session.day, tzinfo=UTC) + OPENS).timestamp())
