"""The event study on made-up markets: an independent computation, and p-values where nothing happens.

Belongs here: what is true of any market. Does not belong here: R's answers (test_oracle_event_study), and
January 2025.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

FIRMS = 10
SESSIONS = 900
EVENTS = 150
ESTIMATION = (-130, -11)
WINDOWS = [(0, 0), (0, 1), (0, 4)]
FIRST_OF_SHORT = 100
"""Session from which the last firm of the second market is listed."""
KS_AT_ONE_PERCENT = 1.63
CONTINUOUS = (
    "cross_sectional_t", "brown_warner_1980", "brown_warner_1985", "patell", "adjusted_patell", "boehmer",
    "kolari_pynnonen", "lamb", "corrado_rank", "modified_rank",
)  # fmt: skip

Series = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Two markets in which nothing happens on any event: firms of `US` move alone, those of `CN` together."""

    home: Home
    returns: dict[str, Series]
    events: list[int]


def simulate() -> dict[str, Series]:
    """Simple returns by symbol; NaN before a firm is listed."""
    dice = np.random.default_rng(20250113)
    returns = {}
    for benchmark, prefix, share in (("SPY", "US", 0.0), ("000300", "60000", 0.4)):
        market = returns[benchmark] = dice.normal(0.0004, 0.01, SESSIONS)
        together = dice.normal(0, 1, SESSIONS)
        for number in range(FIRMS):
            alone = dice.normal(0, 1, SESSIONS)
            noise = np.sqrt(share) * together + np.sqrt(1 - share) * alone
            beta, size = dice.uniform(0.5, 1.5), dice.uniform(0.01, 0.02)
            returns[f"{prefix}{number}"] = 0.0002 + beta * market + size * noise
    returns["600009"][:FIRST_OF_SHORT] = np.nan
    return returns


def bars_of(symbol: str, returns: Series, days: list[dt.date]) -> list[dict[str, object]]:
    listed = np.isfinite(returns)
    prices = 100 * np.cumprod(1 + np.where(listed, returns, 0))
    return [
        {
            "exchange": exchange_of(symbol), "symbol": symbol, "session_date": day, "provider": "test",
            "vintage_date": "2025-07-09", "adjusted_close": price, "currency": "USD",
        }
        for day, price, is_listed in zip(days, prices, listed, strict=True) if is_listed
    ]  # fmt: skip


def exchange_of(symbol: str) -> str:
    return "XSHG" if symbol.isdigit() else "XNYS"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = Home(tmp_path_factory.mktemp("placebo") / "home")
    prepare_lake(home)
    weekdays = (dt.date(2021, 1, 4) + dt.timedelta(days=n) for n in range(2 * SESSIONS))
    days = [day for day in weekdays if day.weekday() < 5][:SESSIONS]
    returns = simulate()
    put(home, "price_bars", [bar for symbol in returns for bar in bars_of(symbol, returns[symbol], days)])
    companies = [
        {
            "company_id": f"c{symbol.lower()}", "name": symbol, "exchange": exchange_of(symbol),
            "symbol": symbol, "role": "competitor",
            "benchmark_symbol": None if symbol in {"SPY", "000300"}
            else "000300" if symbol.isdigit() else "SPY",
        }
        for symbol in returns
    ]  # fmt: skip
    put(home, "watch_companies", companies)
    choice = np.random.default_rng(20250119).permutation(np.arange(260, SESSIONS - 10, 4))[:EVENTS]
    events = [int(session) for session in choice]
    put(
        home,
        "platform_events",
        [
            {
                "event_id": f"e{session}", "platform_id": "tiktok", "episode_id": "episode", "title": "None",
                "event_type": "press", "event_date": days[session], "event_zone": "America/New_York",
                "geography": "US", "is_market_event": True,
            }
            for session in events
        ],
    )  # fmt: skip
    design = {"estimation_first": ESTIMATION[0], "estimation_last": ESTIMATION[1], "windows": WINDOWS}
    statuses = run_dbt(
        home, "build", "--select", "+event_study", "+event_study_tests",
        "--exclude-resource-type", "unit_test", "--vars", json.dumps({"event_study": design}),
    )  # fmt: skip
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    return World(home, returns, events)


# --- against an independent computation -----------------------------------------------------------


@dataclass(frozen=True)
class Firm:
    """What the market model leaves of one firm around one event."""

    residuals: Series
    """Over the estimation window, NaN where there is no return."""
    abnormal: Series
    """Over the sessions 0 to 4."""
    deviations: Series
    """The benchmark's, from its mean, over the sessions 0 to 4."""
    sessions: int
    sigma: float
    spread: float

    def car(self, window: tuple[int, int]) -> float:
        return float(self.abnormal[window[0] : window[1] + 1].sum())

    def scar(self, window: tuple[int, int]) -> float:
        m = window[1] - window[0] + 1
        moved = self.deviations[window[0] : window[1] + 1].sum()
        error = self.sigma * np.sqrt(m + m**2 / self.sessions + moved**2 / self.spread)
        return float(self.car(window) / error)


def firm_of(world: World, symbol: str, event: int) -> Firm:
    market = world.returns["000300" if symbol.isdigit() else "SPY"]
    returns = world.returns[symbol].copy()
    if not np.isfinite(returns[0]):
        returns[FIRST_OF_SHORT] = np.nan  # the first price has nothing before it
    estimation = slice(event + ESTIMATION[0], event + ESTIMATION[1] + 1)
    y, x = returns[estimation], market[estimation]
    known = np.isfinite(y)
    beta, alpha = np.polyfit(x[known], y[known], 1)
    residuals = y - alpha - beta * x
    n = int(known.sum())
    after = slice(event, event + 5)
    return Firm(
        residuals=residuals,
        abnormal=returns[after] - alpha - beta * market[after],
        deviations=market[after] - x[known].mean(),
        sessions=n,
        sigma=float(np.sqrt(np.nansum(residuals**2) / (n - 2))),
        spread=float(((x[known] - x[known].mean()) ** 2).sum()),
    )


def expected_tests(firms: list[Firm], window: tuple[int, int]) -> dict[str, float]:
    """The statistics of all tests, for firms whose histories may be of any length."""
    n, m = len(firms), window[1] - window[0] + 1
    cars = np.array([firm.car(window) for firm in firms])
    scars = np.array([firm.scar(window) for firm in firms])
    residuals = np.array([firm.residuals for firm in firms])
    lengths = np.array([firm.sessions for firm in firms])
    scaled = residuals / np.sqrt(np.nanmean(residuals**2, axis=1))[:, None]
    pairs = [scaled[i] * scaled[j] for i in range(n) for j in range(i)]
    r = np.nansum(pairs) / np.isfinite(pairs).sum()
    daily = np.nanstd(np.nanmean(residuals, axis=0), ddof=1)
    patell = scars.sum() / np.sqrt(((lengths - 2) / (lengths - 4)).sum())
    boehmer = scars.mean() / (scars.std(ddof=1) / np.sqrt(n))
    positive = (residuals[np.isfinite(residuals)] > 0).mean()
    full = np.hstack([residuals, [firm.abnormal for firm in firms]])
    ranks = np.asarray(stats.rankdata(full, axis=1, nan_policy="omit"))
    length = np.isfinite(full).sum(axis=1)
    present = np.isfinite(full).sum(axis=0)
    places = ranks - ((length + 1) / 2)[:, None]
    orders = ranks / (length + 1)[:, None] - 0.5
    signs = np.sign(full - np.nanmedian(full, axis=1)[:, None])
    event = slice(
        ESTIMATION[1] - ESTIMATION[0] + 1 + window[0], ESTIMATION[1] - ESTIMATION[0] + 2 + window[1]
    )

    def over_sessions(terms: Series, weight: Series) -> float:
        sums = np.asarray(np.nanmean(terms, axis=0)) * n / weight
        return float(sums[event].sum() / np.sqrt(m) / np.sqrt((sums**2).sum() / length.mean()))

    return {
        "cross_sectional_t": cars.mean() / (cars.std(ddof=1) / np.sqrt(n)),
        "brown_warner_1980": cars.mean() / (np.sqrt(m * sum(firm.sigma**2 for firm in firms)) / n),
        "brown_warner_1985": cars.mean() / (np.sqrt(m) * daily),
        "patell": patell,
        "adjusted_patell": patell / np.sqrt(1 + (n - 1) * r),
        "boehmer": boehmer,
        "kolari_pynnonen": boehmer * np.sqrt((1 - r) / (1 + (n - 1) * r)),
        "sign": ((cars > 0).sum() - n / 2) / np.sqrt(n / 4),
        "generalized_sign": ((cars > 0).sum() - n * positive) / np.sqrt(n * positive * (1 - positive)),
        "corrado_sign": over_sessions(signs, np.sqrt(present)),
        "corrado_rank": over_sessions(places, present),
        "modified_rank": over_sessions(orders, np.sqrt(present)),
        "wilcoxon": stats.rankdata(np.abs(cars))[cars > 0].sum(),
    }


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("group", ["US", "CN", "all"])
def test_the_tests_agree_with_an_independent_computation(
    world: World, group: str, window: tuple[int, int]
) -> None:
    """The earliest event: in its estimation window the last firm of `CN` has a short history."""
    event = min(world.events)
    prefixes = {"US": ("US",), "CN": ("6",), "all": ("US", "6")}[group]
    firms = [firm_of(world, symbol, event) for symbol in world.returns if symbol.startswith(prefixes)]
    told = dict(
        read(
            world.home,
            f"select test, statistic from marts.event_study_tests where event_id = 'e{event}' "
            f"and group_id = '{group}' and (window_start, window_end) = {window}",
        )
    )
    lamb = told.pop("lamb")
    assert (lamb is None) == (group == "all")
    assert told == pytest.approx(expected_tests(firms, window), rel=1e-9)


def test_the_mean_correlation_of_full_histories_is_the_mean_of_the_correlations(world: World) -> None:
    event = min(world.events)
    residuals = [firm_of(world, f"US{number}", event).residuals for number in range(FIRMS)]
    pairs = np.asarray(np.corrcoef(residuals))[np.triu_indices(FIRMS, 1)]
    told = read(
        world.home,
        "select distinct mean_correlation from marts.event_study_tests "
        f"where event_id = 'e{event}' and group_id = 'US'",
    )
    assert told == [(pytest.approx(pairs.mean(), rel=1e-9),)]


def test_placebo_and_buy_and_hold_agree_with_an_independent_computation(world: World) -> None:
    event, window = min(world.events), (0, 1)
    others = np.isin(np.arange(event + ESTIMATION[0], event + ESTIMATION[1] + 1), world.events)
    firm = firm_of(world, "US0", event)
    sums = firm.residuals[:-1] + firm.residuals[1:]
    placebos = sums[~(others[:-1] | others[1:])]
    growth = [np.prod(1 + world.returns[name][event : event + 2]) for name in ("US0", "SPY")]
    told = read(
        world.home,
        "select placebo_windows, placebo_p_value, bhar, confounding_events from marts.event_study "
        f"where event_id = 'e{event}' and symbol = 'US0' and (window_start, window_end) = {window}",
    )
    as_large = (np.abs(placebos) >= abs(firm.car(window))).sum()
    p = (1 + as_large) / (1 + len(placebos))
    assert told == [(len(placebos), pytest.approx(p), pytest.approx(growth[0] - growth[1], rel=1e-9), None)]


def test_windows_that_all_hold_an_event_leave_no_placebo(world: World) -> None:
    rows = read(
        world.home,
        "select placebo_p_value is null, placebo_null_reason like 'only % windows without an event, 20 %' "
        "from marts.event_study where window_end = 4 and placebo_windows < 20",
    )
    assert set(rows) == {(True, True)}


# --- where nothing happens ------------------------------------------------------------------------


def distance_from_uniform(p_values: Series) -> float:
    """Kolmogorov and Smirnov's distance, as a share of what one sample in a hundred exceeds."""
    return float(stats.kstest(p_values, "uniform").statistic * np.sqrt(len(p_values)) / KS_AT_ONE_PERCENT)


def p_values(world: World, sql: str) -> dict[Any, Series]:
    """P-values by what the first column tells, in order."""
    found: dict[Any, list[float]] = {}
    for name, p in read(world.home, sql):
        found.setdefault(name, []).append(p)
    return {name: np.array(values) for name, values in found.items()}


def test_permuted_event_dates_give_uniform_p_values_for_each_share(world: World) -> None:
    told = p_values(
        world,
        "select (window_start, window_end), p_value from marts.event_study "
        "where benchmark_symbol = 'SPY' order by all",
    )
    assert {len(values) for values in told.values()} == {EVENTS * FIRMS}
    assert {window: far for window, p in told.items() if (far := distance_from_uniform(p)) > 1} == {}


def test_permuted_event_dates_give_uniform_placebo_p_values(world: World) -> None:
    """A p that is counted has steps of 1 / (1 + windows); spread over its step it is uniform.

    Events of one share are compared with much the same windows, which count as a second sample of that size.
    """
    dice = np.random.default_rng(20250118)
    for window in WINDOWS[:2]:
        rows = read(
            world.home,
            "select placebo_p_value, placebo_windows from marts.event_study where benchmark_symbol = 'SPY' "
            f"and (window_start, window_end) = {window} order by event_id, symbol",
        )
        p, windows = np.array(rows).T
        assert len(p) == EVENTS * FIRMS
        assert distance_from_uniform(p - dice.uniform(size=len(p)) / (1 + windows)) <= np.sqrt(2)


def test_permuted_event_dates_give_uniform_p_values_for_independent_firms(world: World) -> None:
    told = p_values(
        world,
        "select test, p_value from marts.event_study_tests "
        "where group_id = 'US' and window_start = 0 and window_end = 0 order by all",
    )
    far = {test: distance_from_uniform(told[test]) for test in CONTINUOUS}
    assert {test: distance for test, distance in far.items() if distance > 1} == {}
    discrete = told.keys() - set(CONTINUOUS)
    assert {test for test in discrete if (told[test] <= 0.05).mean() > 0.1} == set()


def test_firms_that_move_together_need_a_test_that_allows_it(world: World) -> None:
    kinds = dict(read(world.home, "select distinct test, allows_correlation from marts.event_study_tests"))
    told = p_values(
        world,
        "select test, p_value from marts.event_study_tests "
        "where group_id = 'CN' and window_start = 0 and window_end = 0 order by all",
    )
    rejected = {test: float((told[test] <= 0.05).mean()) for test in CONTINUOUS}
    assert {test: share for test, share in rejected.items() if kinds[test] and share > 0.1} == {}
    assert {test: share for test, share in rejected.items() if not kinds[test] and share < 0.2} == {}
