"""The event study against R's estudy2 0.10 on seven shares in March 2020, by the project's own models.

Belongs here: what R computed. Does not belong here: edge cases (unit tests of dbt) and January 2025.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

R_DESIGN = {
    "returns": "log",
    "lost_degrees": 1,
    "market_moments": "window",
    "estimation_first_date": "2019-04-01",
    "estimation_last_date": "2020-03-13",
    "windows": [[0, 4]],
}
PUBLISHED = {
    "bw_1980_stat": "brown_warner_1980",
    "bw_1985_stat": "brown_warner_1985",
    "t_test_stat": "cross_sectional_t",
    "pt_stat": "patell",
    "bh_stat": "boehmer",
    "lmb_stat": "lamb",
    "sign_stat": "sign",
    "gsign_stat": "generalized_sign",
    "csign_stat": "corrado_sign",
    "rank_stat": "corrado_rank",
    "mrank_stat": "modified_rank",
    "wlcx_stat": "wilcoxon",
}
"""R's names and ours."""


@pytest.fixture(scope="module")
def oracle(shared: Path) -> Path:
    return shared / "oracles" / "event_study_r"


@pytest.fixture(scope="module")
def published(oracle: Path) -> dict[str, Any]:
    answers: dict[str, Any] = json.loads((oracle / "expected_estudy2.json").read_text(), parse_float=str)
    return answers


@pytest.fixture(scope="module")
def study(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """R's prices through the lake and the models; the event is the first day of R's event window."""
    home = Home(tmp_path_factory.mktemp("estudy2") / "home")
    prepare_lake(home)
    with (oracle / "prices.csv").open(newline="") as file:
        prices = list(csv.DictReader(file))
    symbols = [name for name in prices[0] if name != "date"]
    bars = [
        {
            "exchange": "XNYS", "symbol": symbol, "session_date": row["date"], "vintage_date": "2020-04-01",
            "close": row[symbol], "adjusted_close": row[symbol], "currency": "USD", "provider": "test",
        }
        for symbol in symbols for row in prices if row[symbol]
    ]  # fmt: skip
    put(home, "price_bars", bars)
    companies = [
        {
            "company_id": symbol.strip("^").lower(), "name": symbol, "exchange": "XNYS", "symbol": symbol,
            "currency": "USD", "role": "competitor",
            "benchmark_symbol": None if symbol == "^GSPC" else "^GSPC",
        }
        for symbol in symbols
    ]  # fmt: skip
    put(home, "watch_companies", companies)
    event = {
        "event_id": "event", "platform_id": "tiktok", "episode_id": "episode", "event_type": "press",
        "title": "March 2020", "event_date": "2020-03-16", "event_zone": "America/New_York",
        "geography": "US", "is_market_event": True,
    }  # fmt: skip
    put(home, "platform_events", [event])
    design = json.dumps({"event_study": R_DESIGN})
    statuses = run_dbt(
        home, "build", "--select", "+event_study", "+event_study_tests",
        "--exclude-resource-type", "unit_test", "--vars", design,
    )  # fmt: skip
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    return home


def test_alpha_and_beta_are_rs(study: Home, published: dict[str, Any]) -> None:
    rows = read(study, "select symbol, alpha, beta, estimation_sessions from marts.event_study")
    told = {symbol: (alpha, beta, sessions) for symbol, alpha, beta, sessions in rows}
    models = published["market_model_ols"]
    assert told.keys() == models.keys()
    for symbol, expected in models.items():
        alpha, beta, sessions = told[symbol]
        assert alpha == pytest.approx(float(expected["alpha"]), rel=0, abs=1e-12), symbol
        assert beta == pytest.approx(float(expected["beta"]), rel=0, abs=1e-12), symbol
        assert sessions == expected["estimation_length"], symbol


def test_abnormal_returns_are_rs(study: Home, oracle: Path) -> None:
    rows = read(
        study,
        "select cast(session_date as varchar), upper(company_id), abnormal_return "
        "from intermediate.int_abnormal_returns",
    )
    told = {(day, symbol): value for day, symbol, value in rows}
    with (oracle / "expected_abnormal_returns_R.csv").open(newline="") as file:
        expected = {
            (row["date"], symbol): float(value)
            for row in csv.DictReader(file)
            for symbol, value in row.items()
            if symbol != "date" and value and row["date"] <= "2020-03-20"
        }
    assert told.keys() == expected.keys()
    assert {key for key in expected if abs(told[key] - expected[key]) > 1e-12} == set()


@pytest.mark.parametrize("name", [*PUBLISHED, "mean"])
def test_every_statistic_is_rs_to_the_printed_digits(
    study: Home, published: dict[str, Any], name: str
) -> None:
    column, test = ("mean_car", "patell") if name == "mean" else ("statistic", PUBLISHED[name])
    rows = read(
        study,
        f"select window_start, {column} from marts.event_study_tests "
        f"where group_kind = 'all' and test = '{test}' and window_start = window_end order by 1",
    )
    printed = {**published["published_parametric"], **published["published_nonparametric"]}[name]
    assert [tau for tau, _ in rows] == list(range(5))
    for (_, value), text in zip(rows, printed.values(), strict=True):
        digits = len(str(text).partition(".")[2])
        assert value == pytest.approx(float(text), rel=0, abs=0.5000001 * 10**-digits), name


def test_conventions_are_stated(study: Home) -> None:
    expected = [("log", "n-1", "window")]
    for mart in ("event_study", "event_study_tests"):
        told = read(study, f"select distinct return_kind, residual_degrees, market_moments from marts.{mart}")
        assert told == expected
