"""The dbt project by itself: on an empty lake, on made-up prices, and as a graph."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import duckdb
import pytest

from ingestion.lake import ensure_anchor, lake_columns
from ingestion.loads import ensure_ledger
from ingestion.settings import Home
from ingestion.tables import RAW_TABLES
from orchestration.dbt import PARSED, PROJECT_DIR, close_warehouse, ensure_manifest, read_manifest

VINTAGE = dt.date(2025, 7, 9)
MARTS = "select table_name from duckdb_tables() where schema_name = 'marts'"
WINDOWS = [(0, 0), (0, 1), (-1, 1), (0, 5), (0, 10), (-5, -1)]


# --- helpers --------------------------------------------------------------------------------------


def prepare_lake(home: Home) -> None:
    """A lake in which every table exists and none has a row."""
    for table in RAW_TABLES.values():
        ensure_anchor(home, table.name, lake_columns(table))
    ensure_ledger(home)


def put(home: Home, table_name: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Rows as a load would leave them; columns that a row lacks are NULL."""
    lineage = {"load_id": "load", "source": "test", "observed_at": "2025-07-09", "provenance": "case:test"}
    columns = lake_columns(RAW_TABLES[table_name])
    folder = home.lake / "raw" / "test" / table_name / "day=2025-07-09"
    folder.mkdir(parents=True)
    lines = folder.parent / "rows.jsonl"
    lines.write_text("\n".join(json.dumps({**lineage, **row}, default=str) for row in rows))
    types = ", ".join(f"'{column.name}': '{column.type}'" for column in columns)
    duckdb.sql(
        f"copy (from read_json('{lines}', format = 'newline_delimited', columns = {{{types}}})) "
        f"to '{folder}/data.parquet' (format parquet)"
    )


def run_dbt(home: Home, *arguments: str) -> dict[str, str]:
    """Invokes dbt on the home's lake; gives the status of every node that does anything by its unique id."""
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    ensure_manifest()
    manifest = Manifest.from_msgpack(PARSED.read_bytes())
    manifest.build_flat_graph()
    places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    places += ["--target-path", str(home.dbt_target), "--log-path", str(home.dbt_target)]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OBSERVATORY_LAKE", str(home.lake))
        environment.setenv("OBSERVATORY_WAREHOUSE", str(home.warehouse))
        outcome = dbtRunner(manifest=manifest).invoke(["--quiet", *arguments, *places])
    close_warehouse()
    assert outcome.exception is None, outcome.exception
    done = [node for node in outcome.result.results if node.status != "no-op"]  # exposures are words
    return {node.node.unique_id: str(node.status) for node in done}


def read(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


# --- the whole project ----------------------------------------------------------------------------


def test_an_empty_lake_builds_and_every_unit_test_holds(home: Home) -> None:
    prepare_lake(home)
    statuses = run_dbt(home, "build")
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    assert sum(node.startswith("unit_test.") for node in statuses) >= 30
    marts = [
        name for (name,) in read(home, "select table_name from duckdb_tables() where schema_name = 'marts'")
    ]
    assert marts
    filled = {name for name in marts if read(home, f"select count(*) from marts.{name}") != [(0,)]}
    # Published benchmarks are a seed, and stand without anything to compare; so does the calendar.
    assert filled == {"dim_date", "episode_comparison"}


def test_claims_reach_no_mart_but_those_that_show_their_verdict() -> None:
    ensure_manifest()
    children = read_manifest()["child_map"]
    claims = "model.migration_observatory.stg_raw__article_claims"
    reached, left = set[str](), [claims]
    while left:
        node = left.pop()
        new = {child for child in children[node] if child.startswith("model.")} - reached
        reached |= new
        left.extend(new)
    marts = {node.rsplit(".", 1)[-1] for node in reached if "int_" not in node}
    assert marts == {"fct_claims", "claim_chain", "platform_profile"}


def test_every_mart_has_a_contract_a_grain_a_key_test_and_described_columns() -> None:
    ensure_manifest()
    manifest = read_manifest()
    nodes = manifest["nodes"].values()
    marts = [node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"]
    keyed = {
        node["attached_node"]
        for node in nodes
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "unique_key"
    }
    for mart in marts:
        assert mart["config"]["contract"]["enforced"], mart["name"]
        assert mart["description"].startswith("One row per "), mart["name"]
        assert mart["unique_id"] in keyed, mart["name"]
        assert all(column["description"] for column in mart["columns"].values()), mart["name"]


# --- the event study, against an independent computation --------------------------------------------


@dataclass(frozen=True)
class Expected:
    alpha: float
    beta: float
    car: float
    t: float
    prediction_t: float
    p: float


def student_t_two_sided(t: float, df: int) -> float:
    """Two-sided p by Simpson's rule over the density."""
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    steps = 2000
    width = abs(t) / steps
    density: list[float] = [scale * (1 + (n * width) ** 2 / df) ** (-(df + 1) / 2) for n in range(steps + 1)]
    odd, even = sum(density[1:-1:2]), sum(density[2:-1:2])
    return 1 - 2 * width / 3 * (density[0] + 4 * odd + 2 * even + density[-1])


def expected_study(
    returns: Sequence[float], market: Sequence[float], event: int, window: tuple[int, int]
) -> Expected:
    """The market model with `returns[event]` as the event's session."""
    y, x = returns[event - 260 : event - 10], market[event - 260 : event - 10]
    beta, alpha = statistics.linear_regression(x, y)
    residuals = [b - alpha - beta * a for a, b in zip(x, y, strict=True)]
    sigma = math.sqrt(sum(r * r for r in residuals) / (len(x) - 2))
    days = range(event + window[0], event + window[1] + 1)
    m, n, mean = len(days), len(x), statistics.fmean(x)
    car = sum(returns[d] - alpha - beta * market[d] for d in days)
    spread = sum((a - mean) ** 2 for a in x)
    prediction = m + m * m / n + sum(market[d] - mean for d in days) ** 2 / spread
    t = car / (sigma * math.sqrt(m))
    return Expected(alpha, beta, car, t, car / (sigma * math.sqrt(prediction)), student_t_two_sided(t, n - 2))


@pytest.fixture(scope="module")
def market_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, list[float]]]:
    """300 sessions of a benchmark and two shares, of which MISS lacks the session at tau 7."""
    home = Home(tmp_path_factory.mktemp("market") / "home")
    prepare_lake(home)
    dice = random.Random(20250113)
    weekdays = (dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(600))
    sessions = [day for day in weekdays if day.weekday() < 5][:300]
    market = [dice.gauss(0.0005, 0.01) for _ in sessions]
    returns = {
        "SPY": market,
        "FULL": [0.001 + 1.5 * m + dice.gauss(0, 0.02) for m in market],
        "MISS": [0.8 * m + dice.gauss(0, 0.01) for m in market],
    }
    bars = []
    for symbol, series in returns.items():
        price = 100.0
        for number, (session, change) in enumerate(zip(sessions, series, strict=True)):
            price *= 1 + change
            if (symbol, number) != ("MISS", 287):
                bars.append(
                    {
                        "exchange": "XNAS",
                        "symbol": symbol,
                        "session_date": session,
                        "vintage_date": VINTAGE,
                        "adjusted_close": price,
                        "currency": "USD",
                        "provider": "test",
                    }
                )
    put(home, "price_bars", bars)
    put(
        home,
        "watch_companies",
        [
            {"company_id": "spdr", "name": "SPDR", "exchange": "XNAS", "symbol": "SPY", "role": "benchmark"},
            *(
                {
                    "company_id": symbol.lower(),
                    "name": symbol,
                    "exchange": "XNAS",
                    "symbol": symbol,
                    "benchmark_symbol": "SPY",
                    "role": "competitor",
                }
                for symbol in ("FULL", "MISS")
            ),
        ],
    )
    event = {
        "event_id": "event",
        "platform_id": "tiktok",
        "episode_id": "episode",
        "event_type": "court",
        "title": "A ruling",
        "event_date": sessions[280],
        "event_zone": "America/New_York",
        "geography": "US",
        "is_market_event": True,
    }
    put(home, "platform_events", [event])
    run_dbt(home, "build", "--select", "+event_study", "--exclude-resource-type", "unit_test")
    return home, returns


def test_the_event_study_agrees_with_an_independent_computation(
    market_home: tuple[Home, dict[str, list[float]]],
) -> None:
    home, returns = market_home
    for window in WINDOWS:
        ((alpha, beta, car, t, prediction_t, p, sessions),) = read(
            home,
            "select alpha, beta, car, t_statistic, prediction_t_statistic, p_value, estimation_sessions "
            "from marts.event_study "
            f"where symbol = 'FULL' and (window_start, window_end) = ({window[0]}, {window[1]})",
        )
        assert sessions == 250
        expected = expected_study(returns["FULL"], returns["SPY"], 280, window)
        assert (alpha, beta, car, t, prediction_t, p) == pytest.approx(astuple(expected), rel=1e-9, abs=1e-12)


def test_a_session_without_a_price_leaves_its_window_without_a_result(
    market_home: tuple[Home, dict[str, list[float]]],
) -> None:
    home, _ = market_home
    rows = read(
        home,
        "select window_start, window_end, n_sessions_in_window, car is null, null_reason "
        "from marts.event_study where symbol = 'MISS' and (car is null or window_end = 5)",
    )
    # The session before the gap has no return to give, and the one after it nothing to start from.
    reason = "only 9 of the window's 11 sessions have a return"
    assert sorted(rows) == [(0, 5, 6, False, None), (0, 10, 9, True, reason)]


def test_another_build_of_the_same_lake_gives_the_same_mart(
    market_home: tuple[Home, dict[str, list[float]]],
) -> None:
    home, _ = market_home
    before = read(home, "from marts.event_study")
    run_dbt(home, "build", "--threads", "4", "--select", "event_study")
    assert read(home, "from marts.event_study") == before
