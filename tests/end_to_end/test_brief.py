"""The page of January 2025: generated, the same each time, and held to the published facts."""

from __future__ import annotations

import csv
import datetime as dt
import re
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import PROJECT_ROOT, Home
from orchestration.brief import BriefError, words, write_brief
from tests.end_to_end.conftest import Query

EPISODE = "tiktok_refugees_2025"
PAGE = PROJECT_ROOT / "docs" / "january_2025.md"
CHARTS = {
    "appstore_free_overall": ("app_store", "top_free_overall"),
    "appstore_free_apps": ("app_store", "top_free_apps"),
    "appstore_free_social": ("app_store", "top_free_social"),
    "gplay_free": ("google_play", "top_free_overall"),
}
EVENTS = {
    "event_law_signed": "pafaca_signed",
    "event_dc_circuit_upholds": "dc_circuit_upholds",
    "event_scotus_oral_argument": "scotus_oral_argument",
    "event_report_full_shutdown_planned": "shutdown_reported",
    "event_scotus_upholds_ban": "scotus_upholds",
    "event_delisted": "delisted_us",
    "event_dark_start_utc": "service_dark",
    "event_service_restored_utc": "service_restored",
    "event_eo_75_day_delay": "executive_order_75_days",
    "event_relisted": "relisted_us",
}
Fact = dict[str, str]


@pytest.fixture(scope="module")
def page(case_home: Home) -> str:
    return write_brief(case_home.published_database, EPISODE)


@pytest.fixture(scope="module")
def facts(shared: Path) -> list[Fact]:
    with (shared / "facts" / "published_facts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["episode"] == EPISODE and row["confidence"] in {"A", "B"}]


def lines_of(page: str, fact: str) -> list[list[str]]:
    """Cells of the page's table rows that speak of a fact, its parts (F098a) among them."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "|" in line
    ]
    return [row for row in rows if any(re.fullmatch(rf"{fact}[a-z]?", cell) for cell in row)]


def test_the_page_in_docs_is_what_the_marts_say(page: str) -> None:
    assert page.splitlines() == PAGE.read_text(encoding="utf-8").splitlines(), "run `make docs`"


def test_every_figure_is_told_and_its_query_runs(page: str, case_home: Home) -> None:
    assert "Not told:" not in page
    queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(queries) == page.count("<summary>Query</summary>")
    with duckdb.connect(str(case_home.published_database), read_only=True) as connection:
        for query in queries:
            assert "order by" in query or "count(" in query, query
            connection.execute(query).fetchall()


def test_an_unknown_episode_is_told_with_those_that_are_known(case_home: Home) -> None:
    with pytest.raises(BriefError, match=EPISODE):
        write_brief(case_home.published_database, "nobody_moved_2020")


def test_a_file_without_a_mart_gives_the_reason_and_the_rest(case_home: Home, tmp_path: Path) -> None:
    older = tmp_path / "older.duckdb"
    with duckdb.connect(str(older)) as connection:
        connection.execute(f"attach '{case_home.published_database}' as published (read_only)")
        connection.execute("create schema marts")
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'published'"
        ).fetchall():
            if name != "diversion":
                connection.execute(f"create table marts.{name} as from published.marts.{name}")
    page = write_brief(older, EPISODE)
    assert "Not told: Table with name diversion does not exist" in page
    assert "## Who gained on the stock market" in page


def test_events_agree_with_the_facts(page: str, facts: list[Fact], query: Query) -> None:
    events = [fact for fact in facts if fact["metric"].startswith("event_")]
    assert {fact["metric"] for fact in events} == set(EVENTS)
    calendar = {
        name: (title, day, instant)
        for name, title, day, instant in query(
            "select event_id, title, event_date, event_at from marts.dim_event"
        )
    }
    for fact in events:
        title, day, instant = calendar[EVENTS[fact["metric"]]]
        assert day == dt.date.fromisoformat(fact["observed_date"]), fact
        calendar_lines = page.partition("## What happened")[2].partition("## What moved")[0].splitlines()
        (line,) = [line for line in calendar_lines if f"| {title} |" in line]
        assert line.startswith(f"| {words(day)} |")
        if fact["metric"].endswith("_utc"):
            assert f"{instant:%H:%M}" == fact["value"]
            assert f", {fact['value']} |" in line


def test_ranks_agree_with_the_facts(page: str, facts: list[Fact], query: Query) -> None:
    ranks = [
        fact for fact in facts if fact["source_or_chart"] in CHARTS and fact["metric"] in {"rank", "rank_gt"}
    ]
    assert len(ranks) >= 25
    known = {
        tuple(row[:5]): row[5:]
        for row in query(
            "select lower(name), store, chart, country, store_date, rank, depth, name "
            "from marts.fct_chart_rank_daily join marts.dim_platform using (platform_id)"
        )
    }
    for fact in ranks:
        name = {"rednote": "xiaohongshu (rednote)"}.get(fact["entity"].lower(), fact["entity"].lower())
        store, chart = CHARTS[fact["source_or_chart"]]
        for country in fact["geo"].split("|"):
            day = dt.date.fromisoformat(fact["observed_date"])
            rank, depth, title = known[name, store, chart, country, day]
            if fact["metric"] == "rank":
                assert rank == int(fact["value"]), fact
            else:
                assert rank is None, fact
                assert depth == int(fact["value"]), fact
            seen = f"| {words(day)} | {words(store)} | {words(chart)} | {title} | {words(rank)} |"
            is_of_the_episode = name not in {"chatgpt", "deepseek", "duolingo", "capcut"}
            if country == "US" and is_of_the_episode:
                assert seen in page, fact


def test_published_figures_are_on_the_page_as_published(page: str, facts: list[Fact]) -> None:
    figures = [
        fact
        for fact in facts
        if fact["metric"] not in {*EVENTS, "rank", "rank_gt"} and "," not in fact["value"]
    ]
    assert len(figures) >= 50
    for fact in figures:
        rows = lines_of(page, fact["fact_id"])
        assert rows, fact
        low, _, high = fact["value"].partition("-") if fact["fact_id"] == "F088" else (fact["value"], "", "")
        if fact["metric"] == "peak_date":
            wanted = words(dt.date.fromisoformat(fact["value"]))
        else:
            wanted = words((float(low) + float(high)) / 2 if high else float(low))
        assert any(wanted in row for row in rows), (fact, rows)


def test_where_shares_differ_from_the_facts_is_said(page: str, facts: list[Fact], query: Query) -> None:
    closes = {
        (symbol, day): 100 * change
        for symbol, day, change in query(
            "select symbol, session_date, simple_return from marts.fct_returns_daily "
            "where simple_return is not null"
        )
    }
    said = {}
    for fact in facts:
        if fact["metric"] in {"return_pct", "return_sign"}:
            change = closes.get((fact["entity"], dt.date.fromisoformat(fact["observed_date"])))
            low, _, high = (
                fact["value"].partition("-") if fact["value"][0] != "-" else (fact["value"], "", "")
            )
            if change is None:
                verdict = "not known: no price of this share on this day"
            elif fact["metric"] == "return_sign":
                verdict = "agrees" if change * float(low) > 0 else "differs"
            else:
                agrees = float(low) - 0.1 <= round(change, 2) <= float(high or low) + 0.1
                verdict = "agrees" if agrees else "differs"
            assert verdict in lines_of(page, fact["fact_id"])[0], fact
            said[fact["fact_id"]] = verdict
    assert said["F088"] == said["F093"] == "agrees"
    assert said["F089"] == "differs"


def test_the_half_life_and_the_way_back_follow_from_the_facts(page: str) -> None:
    assert (
        "halved every 1.73 days from 22 January 2025 to 26 January 2025 (Appfigures, 2 published levels)"
        in page
    )
    assert "92% was made good by 21 January 2025" in page
    assert "500,000 (Bloomberg) to 32,500,000 (Similarweb), a factor of 65" in page
