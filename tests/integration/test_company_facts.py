"""Recorded SEC answers through contract, lake and dbt: as-of figures, restatements and fourth quarters."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.checks import check
from ingestion.conform import conform
from ingestion.readers import rows_from_records
from ingestion.settings import WATCHLIST, Home
from ingestion.source import Kind, Parsed, Request, Row
from ingestion.sources.sec_edgar import FACTS, FILINGS, SOURCE
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import Watchlist, parse_watchlist
from tests._support.answers import answer_of
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

DAY = date
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
META, SNAP, ALIBABA = "0001326801", "0001564408", "0001577552"
COMPANIES = {"meta": META, "snap": SNAP, "alibaba": ALIBABA}
REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"


def parsed(shared: Path, name: str, cik: str, about: str, folder: Path) -> Parsed:
    request = Request(f"https://data.sec.gov/{name}", Kind.JSON, NOW.date(), {"cik": cik, "about": about})
    content = (shared / "recordings" / "finance" / "edgar" / name).read_bytes()
    return SOURCE.read(answer_of(request, content, folder=folder), watched())


def watched() -> Watchlist:
    return parse_watchlist(WATCHLIST.read_bytes())


@pytest.fixture(scope="module")
def facts(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("answers")
    files = {
        "snap-us-gaap-revenue.json": SNAP,
        "companyfacts_META_excerpt.json": META,
        "CIK0001577552_excerpt.json": ALIBABA,
    }
    return [
        row for name, cik in files.items() for row in parsed(shared, name, cik, FACTS, folder).rows[FACTS]
    ]


@pytest.fixture(scope="module")
def filings(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("answers")
    return list(parsed(shared, "submissions_META.json", META, FILINGS, folder).rows[FILINGS])


@pytest.fixture(scope="module")
def warehouse(facts: list[Row], filings: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The two marts, built from the recordings."""
    home = Home(tmp_path_factory.mktemp("facts") / "home")
    prepare_lake(home)
    put(home, "company_facts", facts)
    put(home, "filings", filings)
    put(
        home,
        "watch_companies",
        [
            {"company_id": name, "name": name, "cik": cik, "role": "competitor"}
            for name, cik in COMPANIES.items()
        ],
    )
    statuses = run_dbt(
        home, "build", "--select", "+fct_company_quarters", "--exclude-resource-type", "unit_test"
    )
    assert set(statuses.values()) == {"success", "pass"}
    return home


@pytest.mark.parametrize(("table", "rows"), [("company_facts", 194), ("filings", 2)])
def test_every_recorded_row_keeps_its_contract(table: str, rows: int, request: pytest.FixtureRequest) -> None:
    given = {"company_facts": "facts", "filings": "filings"}[table]
    contract = RAW_TABLES[table]
    records = rows_from_records(request.getfixturevalue(given), contract)
    frame = conform(records, contract, NOW)
    result = check(frame, records, contract, watched().ids(), received_at=NOW)
    assert (len(frame), result.reasons_by_row, result.broken_for_the_batch) == (rows, {}, ())


def test_snaps_110_rows_are_58_periods(warehouse: Home) -> None:
    where = f"from marts.fct_company_facts where company_id = 'snap' and concept = '{REVENUE}'"
    assert read(warehouse, f"select count(*), sum(filings), count(*) filter (is_restated) {where}") == [
        (58, 110, 0)
    ]


def test_a_restated_figure_is_that_of_the_latest_filing_beside_the_first(warehouse: Home) -> None:
    told = read(
        warehouse,
        "select company_id, unit, period_end, first_value / 1e6, first_filed_date, value / 1e6, filed_date, "
        "form from marts.fct_company_facts where is_restated and period_end in ('2016-03-31', '2020-12-31') "
        "order by company_id, unit",
    )
    assert told == [
        ("alibaba", "CNY", DAY(2016, 3, 31), 27334, DAY(2016, 5, 24), 27325, DAY(2017, 11, 24), "6-K"),
        ("meta", "USD", DAY(2020, 12, 31), 1093, DAY(2021, 1, 28), 1331, DAY(2022, 2, 3), "10-K"),
    ]


def test_a_figure_was_public_when_its_filing_was_accepted(warehouse: Home) -> None:
    """Meta's annual report of 2024, filed on 30 January, was accepted at 20:00 in New York the day before."""
    told = read(
        warehouse,
        "select period_end, first_filed_date, first_accepted_at from marts.fct_company_facts "
        f"where company_id = 'meta' and concept = '{REVENUE}' and first_accepted_at is not null order by 1",
    )
    assert told == [
        (DAY(2024, 12, 31), DAY(2025, 1, 30), datetime.fromisoformat("2025-01-30T01:00:50")),
        (DAY(2025, 12, 31), DAY(2026, 1, 29), datetime.fromisoformat("2026-01-29T00:13:46")),
    ]


def test_the_latest_figures_are_those_of_the_secs_own_frame(warehouse: Home, shared: Path) -> None:
    path = shared / "recordings" / "finance" / "edgar" / "frame-us-gaap-revenue-usd-cy2024.json"
    frame = {f"{row['cik']:010}": (row["accn"], row["val"]) for row in json.loads(path.read_text())["data"]}
    told = read(
        warehouse,
        "select cik, accession_number, value from marts.fct_company_facts "
        f"where concept = '{REVENUE}' and period_key = '2024-01-01/2024-12-31' order by cik",
    )
    assert told == [(cik, *frame[cik]) for cik in (META, SNAP)]


def test_the_row_with_a_frame_is_the_one_that_was_filed_last(warehouse: Home, facts: list[Row]) -> None:
    """But not every period has one: year-to-date rows never do."""
    framed = {
        (r["cik"], r["concept"], r["unit"], r["period_key"], r["accession_number"])
        for r in facts
        if r["frame"]
    }
    latest = set(
        read(
            warehouse, "select cik, concept, unit, period_key, accession_number from marts.fct_company_facts"
        )
    )
    snap = {row for row in framed if row[0] == SNAP}
    assert len(snap) == 39
    assert snap <= latest


def test_fourth_quarters_are_derived_and_make_the_years_whole(warehouse: Home) -> None:
    quarters = read(
        warehouse,
        "select quarter_start, quarter_end, value, is_derived, year_value, nine_months_value "
        "from marts.fct_company_quarters where company_id = 'snap' order by quarter_end",
    )
    by_year: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for quarter in quarters:
        by_year[quarter[1].year].append(quarter)
    assert by_year[2024][3] == (
        DAY(2024, 10, 1), DAY(2024, 12, 31), 1_557_283_000, True, 5_361_398_000, 3_804_115_000,
    )  # fmt: skip
    assert {year: [quarter[3] for quarter in of_year] for year, of_year in by_year.items()} == {
        **{year: [False, False, False, True] for year in range(2017, 2026)},
        2026: [False, False],
    }
    for year in range(2017, 2026):
        assert sum(quarter[2] for quarter in by_year[year]) == by_year[year][3][4]


def test_years_without_nine_months_are_not_cut(warehouse: Home) -> None:
    """Of Meta only the years were recorded, of Alibaba only instants."""
    assert read(warehouse, "select distinct company_id from marts.fct_company_quarters") == [("snap",)]
