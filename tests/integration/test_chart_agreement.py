"""Two sources that looked at the same chart: the recorded pair of February 2026, and lists made to differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.lake import lake_columns
from ingestion.settings import Home
from ingestion.source import Parsed
from ingestion.sources._charts import TABLES, Listed, chart_rows
from ingestion.tables import RAW_TABLES
from tests._support.recorded_charts import AMERICAN, history_of_four_genres, normalised_feeds
from tests.integration.test_marts import prepare_lake, run_dbt

FIRST = datetime(2026, 2, 20, 1, 0, 42, tzinfo=UTC)
SECOND = FIRST + timedelta(hours=2.3)
"""The second file tells its day alone; that it was read some 2.3 hours apart is told with the recordings."""


def put(home: Home, source: str, looks: Sequence[Parsed]) -> None:
    """What a source saw, as a load would leave it."""
    lineage = {"load_id": source, "source": source, "observed_at": FIRST, "provenance": "live"}
    for table in TABLES:
        columns = lake_columns(RAW_TABLES[table])
        folder = home.lake / "raw" / source / table / "day=2026-02-20"
        folder.mkdir(parents=True)
        lines = folder.parent / "rows.jsonl"
        lines.write_text(
            "\n".join(
                json.dumps({**lineage, **row}, default=str) for look in looks for row in look.rows[table]
            )
        )
        types = ", ".join(f"'{column.name}': '{column.type}'" for column in columns)
        duckdb.sql(
            f"copy (from read_json('{lines}', format = 'newline_delimited', columns = {{{types}}})) "
            f"to '{folder}/data.parquet' (format parquet)"
        )


def look(source: str, chart: str, apps: list[int], moment: datetime) -> Parsed:
    """A list of apps by their numbers, as a source saw it."""
    capture = replace(AMERICAN, series=source, chart=chart, captured_at=moment)
    return chart_rows(capture, apps, lambda piece, rank: Listed(rank, str(piece), f"App {piece}"))


TOP = list(range(1, 101))
VARIANTS = {
    "top_free_same": (TOP, "agrees", "within what was measured"),
    "top_free_four_new": ([*TOP[:96], 901, 902, 903, 904], "agrees", "within what was measured"),
    "top_free_five_new": ([*TOP[:95], 901, 902, 903, 904, 905], "differs", "only 95 of 100 apps are in both"),
    "top_free_five_short": (TOP[:95], "agrees", "within what was measured"),
    "top_free_six_short": (TOP[:94], "not_judged", "; 94 were compared"),
    "top_free_halves": ([*TOP[50:], *TOP[:50]], "differs", "rank correlation below 0.961"),
    "top_free_fallen": ([*TOP[4:], *TOP[:4]], "differs", "rank correlation below 0.961"),
    "top_free_shaken": (
        [
            app
            for start in range(0, 100, 10)
            for app in (*TOP[start + 5 : start + 10], *TOP[start : start + 5])
        ],
        "differs",
        "fewer than half of the apps are within 3 ranks",
    ),
}
"""What another source saw where one saw `TOP`; the verdict, and what its reason says."""


@pytest.fixture(scope="module")
def compared(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The mart's rows by chart, over the recorded pair and all variants."""
    home = Home(tmp_path_factory.mktemp("agreement"))
    charts = shared / "recordings" / "charts"
    parquet = charts / "apple_us_genres_2026/us_top_free_4genres_2026_history.parquet"
    normalised = charts / "apple_legacy_feed/normalised_us_cn_jp_2026-02-20.json"
    prepare_lake(home)
    put(home, "daily_reader", [history_of_four_genres(parquet).parsed])
    put(home, "normalised_feeds", [normalised_feeds(normalised, SECOND)["us", "free", "6014"].parsed])
    put(home, "one", [look("one", chart, TOP, FIRST) for chart in VARIANTS])
    put(home, "other", [look("other", chart, other, SECOND) for chart, (other, _, _) in VARIANTS.items()])
    statuses = run_dbt(
        home, "build", "--select", "+fct_chart_agreement", "--exclude-resource-type", "unit_test"
    )
    assert set(statuses.values()) <= {"success", "pass", "warn"}
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        found = con.execute("from marts.fct_chart_agreement")
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    assert len({row["chart"] for row in rows}) == len(rows)
    return {row["chart"]: row for row in rows}


def test_the_recorded_pair_agrees(compared: dict[str, dict[str, Any]]) -> None:
    pair = compared["top_free_games"]
    assert (pair["source"], pair["other_source"]) == ("daily_reader", "normalised_feeds")
    assert pair["captured_at"] == FIRST.replace(tzinfo=None)
    assert pair["hours_apart"] == pytest.approx(2.3)
    assert (pair["compared_depth"], pair["shared_apps"], pair["overlap_share"]) == (100, 99, 0.99)
    assert pair["same_rank_share"] == 33 / 99
    assert pair["near_rank_share"] == 85 / 99
    assert pair["max_rank_difference"] == 13
    # What scipy.stats.spearmanr gives for the 99 apps.
    assert pair["spearman"] == pytest.approx(0.9959307359307359, abs=1e-12)
    assert pair["verdict"] == "agrees"


def test_no_other_recorded_chart_has_a_partner(compared: dict[str, dict[str, Any]]) -> None:
    assert set(compared) == {"top_free_games", *VARIANTS}


@pytest.mark.parametrize("chart", VARIANTS)
def test_a_verdict_names_what_is_beyond_the_tolerance(
    chart: str, compared: dict[str, dict[str, Any]]
) -> None:
    _, verdict, reason = VARIANTS[chart]
    assert compared[chart]["verdict"] == verdict
    assert reason in compared[chart]["verdict_reason"]
