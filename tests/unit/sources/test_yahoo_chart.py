"""Yahoo's chart API: recorded answers, what is asked, and every way in which it says no."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import WatchlistError
from ingestion.settings import WATCHLIST
from ingestion.source import Answer, Asking, Kind, Parsed, Request, Window, WrongAnswerError
from ingestion.sources.yahoo_chart import SOURCE, TABLE
from ingestion.watchlist import Company, Platform, Watchlist, parse_watchlist
from tests._support.answers import answer_of
from tests._support.damage import as_bytes, damaged_bytes, odd_documents
from tests._support.upstreams import yahoo_chart as upstream

DAY = date
NOW = datetime(2025, 5, 20, 3, tzinfo=UTC)
WATCHED = parse_watchlist(WATCHLIST.read_bytes())
OPENS_IN_WINTER, OPENS_IN_SUMMER = 1736778600, 1752154200  # 2025-01-13 14:30Z, 2025-07-10 13:30Z

CHART = {
    "chart": {
        "result": [
            {
                "meta": {
                    "currency": "USD",
                    "symbol": "META",
                    "gmtoffset": -18000,
                    "exchangeTimezoneName": "America/New_York",
                    "currentTradingPeriod": {"regular": {"start": OPENS_IN_SUMMER, "end": 1752177600}},
                    "dataGranularity": "1d",
                },
                "timestamp": [OPENS_IN_WINTER, 1736865000, OPENS_IN_SUMMER],
                "indicators": {
                    "quote": [{"volume": [1, 2, 3], "close": [608.33, 594.25, 727.24]}],
                    "adjclose": [{"adjclose": [606.7, 592.6, 726.3]}],
                },
            }
        ],
        "error": None,
    }
}


def request_of(symbol: str = "META", exchange: str = "XNAS") -> Request:
    labels = {"exchange": exchange, "symbol": symbol.removesuffix(".T"), "upstream_symbol": symbol}
    url = f"https://query1.finance.yahoo.com/v8/finance/chart/{symbol}"
    return Request(url, Kind.JSON, NOW.date(), labels, missing_is_answer=True)


def read(content: bytes, folder: Path, request: Request | None = None, **given: Any) -> Parsed:
    answer = answer_of(request or request_of(), content, folder=folder, **{"fetched_at": NOW, **given})
    return SOURCE.read(answer, WATCHED)


def chart_with(**changes: Any) -> dict[str, Any]:
    """`CHART` with other parts of its only result."""
    result = {**CHART["chart"]["result"][0], **changes}  # type: ignore[index]
    return {"chart": {"result": [result], "error": None}}


def indicators(**series: Any) -> dict[str, Any]:
    return {
        "quote": [{name: series[name] for name in ("close", "volume") if name in series}],
        "adjclose": [{"adjclose": series["adjclose"]}] if "adjclose" in series else [],
    }


# --- recordings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "symbol", "bars", "first", "last"),
    [
        (
            "1301.T_1mo_1d_2024-12-06", "1301.T", 23,
            (DAY(2024, 11, 6), 4035, 100400), (DAY(2024, 12, 6), 4015, 14700),
        ),
        (
            "6309.T_1mo_1d_split3for1_2025-05-19", "6309.T", 18,
            (DAY(2025, 4, 21), 1354.03295898438, 149700), (DAY(2025, 5, 19), 1403, 105500),
        ),
        (
            "AAPL_1d_OpenBB_cassette_2023-11-21", "AAPL", 1,
            (DAY(2023, 11, 20), 191.4499969482422, 46505100),
            (DAY(2023, 11, 20), 191.4499969482422, 46505100),
        ),
    ],
)  # fmt: skip
def test_recorded_bars_are_all_rows(
    name: str, symbol: str, bars: int, first: tuple[object, ...], last: tuple[object, ...],
    shared: Path, tmp_path: Path,
) -> None:  # fmt: skip
    content = (shared / "recordings" / "finance" / "yahoo_chart" / f"{name}.json").read_bytes()
    parsed = read(content, tmp_path, request_of(symbol, "XTKS"))
    rows = parsed.rows[TABLE]
    assert (len(rows), len(parsed.broken)) == (bars, 0)
    told = [(row["session_date"], row["adjusted_close"], row["volume_shares"]) for row in rows]
    assert (told[0], told[-1]) == (first, last)
    assert {row["vintage_date"] for row in rows} == {NOW.date()}


def test_on_the_day_of_a_split_and_a_dividend_both_series_stand_as_yahoo_sends_them(
    shared: Path, tmp_path: Path
) -> None:
    """3:1 and 73 yen on 28 April: `close` is adjusted for the split alone, and the dividend is not split."""
    name = "6309.T_1mo_1d_split3for1_2025-05-19.json"
    content = (shared / "recordings" / "finance" / "yahoo_chart" / name).read_bytes()
    rows = {row["session_date"]: row for row in read(content, tmp_path, request_of("6309.T")).rows[TABLE]}
    before, ex_date = rows[DAY(2025, 4, 25)], rows[DAY(2025, 4, 28)]
    assert before["close"] == pytest.approx(1403.333, abs=0.001)
    assert before["adjusted_close"] == pytest.approx(1403.333 - 73, abs=0.001)
    assert ex_date["close"] == ex_date["adjusted_close"] == 1378
    assert rows[DAY(2025, 4, 25)]["symbol"] == "6309"


# --- bars -----------------------------------------------------------------------------------------


def test_openings_in_utc_become_the_exchanges_days_in_winter_and_summer(tmp_path: Path) -> None:
    rows = read(as_bytes(CHART), tmp_path, fetched_at=datetime(2025, 8, 1, tzinfo=UTC)).rows[TABLE]
    assert rows[0] == {
        "exchange": "XNAS",
        "symbol": "META",
        "session_date": DAY(2025, 1, 13),
        "vintage_date": DAY(2025, 5, 20),
        "close": 608.33,
        "adjusted_close": 606.7,
        "volume_shares": 1,
        "currency": "USD",
        "provider": "yahoo_finance",
        "source_url": "https://query1.finance.yahoo.com/v8/finance/chart/META",
    }
    assert [row["session_date"] for row in rows] == [DAY(2025, 1, 13), DAY(2025, 1, 14), DAY(2025, 7, 10)]


@pytest.mark.parametrize("name", [None, "Mars/Olympus", "", "../etc/passwd"])
def test_without_a_known_zone_the_offset_of_today_tells_the_day(name: str | None, tmp_path: Path) -> None:
    meta = {"symbol": "META", "gmtoffset": 32400, "exchangeTimezoneName": name}
    parsed = read(as_bytes(chart_with(meta=meta)), tmp_path)
    assert parsed.rows[TABLE][0]["session_date"] == DAY(2025, 1, 13)
    with pytest.raises(WrongAnswerError, match="zone"):
        read(as_bytes(chart_with(meta={**meta, "gmtoffset": None})), tmp_path)


def test_a_bar_without_any_price_is_no_piece_and_half_a_price_is_left_to_the_check(tmp_path: Path) -> None:
    chart = chart_with(
        indicators=indicators(
            close=[None, 594.25, "7o7"], adjclose=[None, None, 726.3], volume=[None, 0, None]
        )
    )
    parsed = read(as_bytes(chart), tmp_path, fetched_at=datetime(2025, 8, 1, tzinfo=UTC))
    told = [(row["close"], row["adjusted_close"], row["volume_shares"]) for row in parsed.rows[TABLE]]
    assert told == [(594.25, None, 0), ("7o7", 726.3, None)]
    assert not parsed.broken


def test_a_session_that_still_runs_has_no_close_yet(tmp_path: Path) -> None:
    closes_at = datetime(2025, 7, 10, 20, tzinfo=UTC)
    told = {
        minutes: len(
            read(as_bytes(CHART), tmp_path, fetched_at=closes_at.replace(minute=minutes)).rows[TABLE]
        )
        for minutes in (0, 29, 30)
    }
    assert told == {0: 2, 29: 2, 30: 3}


def test_a_bar_with_an_odd_time_is_kept_aside(tmp_path: Path) -> None:
    parsed = read(as_bytes(chart_with(timestamp=["soon", 1736865000, 10**30])), tmp_path)
    assert [row["session_date"] for row in parsed.rows[TABLE]] == [DAY(2025, 1, 14)]
    assert [(piece.position, piece.text) for piece in parsed.broken] == [
        (1, '["soon", 608.33, 606.7, 1]'),
        (3, "[1000000000000000000000000000000, 727.24, 726.3, 3]"),
    ]


def test_a_range_without_bars_is_empty(tmp_path: Path) -> None:
    chart = chart_with(indicators={"quote": [{}], "adjclose": [{}]})
    del chart["chart"]["result"][0]["timestamp"]
    assert read(as_bytes(chart), tmp_path) == Parsed({TABLE: []}, [])


# --- refusals -------------------------------------------------------------------------------------


def test_an_unknown_symbol_is_one_broken_piece_that_says_what_to_do(tmp_path: Path) -> None:
    body = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}'
    parsed = read(body, tmp_path, status=404)
    assert not parsed.rows[TABLE]
    (piece,) = parsed.broken
    assert piece.text.startswith("META: ")
    assert "correct it in the watchlist" in piece.reason


@pytest.mark.parametrize(
    ("when", "is_retriable"),
    [
        ("rate limited or non-browser User-Agent", True),
        ("getcrumb rate limited: error TEXT stored as the crumb", True),
        ("v7/finance/download CSV endpoint closed 2024-09", False),
        ("rate-limit envelope on other hosts", True),
    ],
)
def test_recorded_refusals_are_told_apart_with_their_status_and_with_200(
    when: str, is_retriable: bool, shared: Path, tmp_path: Path
) -> None:
    payloads = json.loads((shared / "recordings" / "finance" / "error_payloads.json").read_text())["yahoo"]
    (payload,) = (payload for payload in payloads if payload["when"] == when)
    body = payload["body"] or ""
    for status in (payload["status"], 200) if body else (payload["status"],):
        with pytest.raises(WrongAnswerError, match="Yahoo") as refused:
            read(body.encode(), tmp_path, status=status)
        assert refused.value.is_retriable is is_retriable


@pytest.mark.parametrize(
    ("content", "said", "is_retriable"),
    [
        (b"", "an empty body", True),
        (b"<!DOCTYPE html><html><title>Will be right back", "a web page in place of JSON", True),
        (as_bytes(CHART)[:200], "truncated or malformed JSON of 200 characters", True),
        (b'{"chart": {"result": ' + b"[" * 5000, "truncated or malformed JSON", True),
        ('{"chart": "caf\xe9"}'.encode("latin-1"), "not UTF-8", True),
        (b"[1]", "no JSON object", False),
        (b'{"chart": {"result": [], "error": null}}', "neither a result nor an error", False),
        (b'{"chart": {"error": {"code": "Internal Error"}}}', "refuses", True),
        (b'{"chart": {"error": {"code": "Bad Request"}}}', "refuses", False),
        (as_bytes(chart_with(timestamp=[1, 2])), "not parallel to the 2 time stamps", False),
        (as_bytes(chart_with(timestamp="now")), "`timestamp` is no list", False),
        (as_bytes(chart_with(indicators={})), "without `close` and `adjclose`", False),
        (as_bytes(chart_with(meta={"symbol": "FB"})), "sends FB where META was asked", False),
        (as_bytes(chart_with(meta={"dataGranularity": "3mo"})), "where days were asked", False),
    ],
)  # fmt: skip
def test_wrong_answers_are_refused_with_a_sentence(
    content: bytes, said: str, is_retriable: bool, tmp_path: Path
) -> None:
    with pytest.raises(WrongAnswerError, match=said) as refused:
        read(content, tmp_path)
    assert refused.value.is_retriable is is_retriable


# --- what is asked --------------------------------------------------------------------------------


def asked(watchlist: Watchlist, window: Window, now: datetime = NOW) -> list[Request]:
    (requests,) = list(SOURCE.ask(Asking(window, watchlist, now)))
    return list(requests)


def watching(companies: Mapping[str, Company]) -> Watchlist:
    platforms = {"tiktok": Platform(name="TikTok", kind="short_video")}
    return Watchlist(platforms=platforms, companies=dict(companies))


def company(exchange: str, symbol: str) -> Company:
    return Company(name=symbol, role="competitor", exchange=exchange, symbol=symbol, currency="USD")


def test_a_vintage_is_asked_whole_up_to_now_whatever_the_window() -> None:
    """From 400 days before the earliest episode to the next midnight (UTC)."""
    requests = {
        request.labels["symbol"]: request
        for request in asked(WATCHED, Window(DAY(2025, 5, 19), DAY(2025, 5, 19)))
    }
    earliest = min(episode.window_start for episode in WATCHED.episodes.values())
    first = datetime.combine(earliest - timedelta(days=400), time(), UTC)
    assert requests["META"].url == (
        f"https://query1.finance.yahoo.com/v8/finance/chart/META?period1={first.timestamp():.0f}"
        "&period2=1747785600&interval=1d&events=div%2Csplits&includeAdjustedClose=true"
    )
    assert datetime.fromtimestamp(1747785600, UTC) == datetime(2025, 5, 21, tzinfo=UTC)
    assert {request.day for request in requests.values()} == {NOW.date()}
    quoted = {company.symbol for company in WATCHED.companies.values() if company.symbol}
    assert set(requests) == quoted
    assert "SPY" in requests


@pytest.mark.parametrize(
    ("exchange", "symbol", "theirs"),
    [
        ("XHKG", "700", "0700.HK"),
        ("XHKG", "9988", "9988.HK"),
        ("XNYS", "BRK.B", "BRK-B"),
        ("XSHG", "600519", "600519.SS"),
    ],
)
def test_symbols_are_asked_as_yahoo_writes_them(exchange: str, symbol: str, theirs: str) -> None:
    window = Window(DAY(2025, 1, 13), DAY(2025, 1, 13))
    (request,) = asked(watching({"one": company(exchange, symbol)}), window)
    assert f"/chart/{theirs}?" in request.url
    assert request.labels == {"exchange": exchange, "symbol": symbol, "upstream_symbol": theirs}


def test_an_exchange_that_yahoo_has_no_name_for_is_not_guessed() -> None:
    with pytest.raises(WatchlistError, match="XXXX"):
        asked(watching({"one": company("XXXX", "A")}), Window(DAY(2025, 1, 13), DAY(2025, 1, 13)))


def test_what_the_loopback_upstream_answers_is_read_without_a_broken_piece(tmp_path: Path) -> None:
    for request in asked(WATCHED, Window(DAY(2025, 5, 19), DAY(2025, 5, 19)))[:3]:
        answer = answer_of(request, upstream.answer(request), folder=tmp_path, fetched_at=NOW)
        parsed = SOURCE.read(answer, WATCHED)
        assert len(parsed.rows[TABLE]) > 300
        assert not parsed.broken


# --- hostile input --------------------------------------------------------------------------------


def prices(document: Any) -> int | None:
    """Bars that say something, counted another way; None where an array is gone."""
    try:
        blocks = document["chart"]["result"][0]["indicators"]
        closes, adjusted = blocks["quote"][0]["close"], blocks["adjclose"][0]["adjclose"]
    except (KeyError, IndexError, TypeError):
        return None
    if not (isinstance(closes, list) and isinstance(adjusted, list)):
        return None
    return sum(close is not None or last is not None for close, last in zip(closes, adjusted, strict=True))


def held(answer: Answer) -> Parsed | None:
    """What is read, of which every value can be stored; None where the answer is refused."""
    try:
        parsed = SOURCE.read(answer, WATCHED)
    except WrongAnswerError:
        return None
    for row in parsed.rows[TABLE]:
        "".join(map(str, row.values())).encode()
    return parsed


@given(document=odd_documents(CHART))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_odd_value_loses_a_bar(document: Any, tmp_path: Path) -> None:
    late = datetime(2025, 8, 1, tzinfo=UTC)
    parsed = held(answer_of(request_of(), as_bytes(document), folder=tmp_path, fetched_at=late))
    if parsed is not None and (expected := prices(document)) is not None:
        assert len(parsed.rows[TABLE]) + len(parsed.broken) == expected


@given(content=st.one_of(damaged_bytes(as_bytes(CHART)), st.binary(max_size=50)))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_gets_further_than_a_refusal(content: bytes, tmp_path: Path) -> None:
    held(answer_of(request_of(), content, folder=tmp_path))


def test_of_two_bars_of_a_session_the_later_stands_and_the_other_is_told(tmp_path: Path) -> None:
    """As Yahoo does after the close: the last trade is a row of its own."""
    series = {"close": [1.0, 2.0, 2.1], "adjclose": [1.0, 2.0, 2.1], "volume": [1, 2, 3]}
    stamps = [OPENS_IN_WINTER, OPENS_IN_WINTER + 86_400, OPENS_IN_WINTER + 86_400 + 23_400]
    parsed = read(as_bytes(chart_with(timestamp=stamps, indicators=indicators(**series))), tmp_path)
    kept = [(row["session_date"], row["adjusted_close"]) for row in parsed.rows[TABLE]]
    assert kept == [(DAY(2025, 1, 13), 1.0), (DAY(2025, 1, 14), 2.1)]
    assert [(piece.position, piece.reason) for piece in parsed.broken] == [
        (2, "another bar of the session of 2025-01-14 is later and stands for it")
    ]
