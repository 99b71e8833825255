"""The one check of a raw table, as the web UI shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ingestion.contract import WatchedIds
from ingestion.inbox import receive_path
from ingestion.load import LoadResult, load_pending
from ingestion.settings import Home
from orchestration.defs.lake import contract_check

WATCHED = WatchedIds(frozenset({"tiktok"}), frozenset(), frozenset())
HEADER = "provider,base_currency,quote_currency,rate_date,rate\n"


def now() -> datetime:
    return datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def results(home: Home, tmp_path: Path) -> list[LoadResult]:
    file = tmp_path / "fx_rates.csv"
    file.write_text(HEADER + "ecb,EUR,USD,2025-01-13,1.02\necb,EUR,GBP,2025-01-13,-1\n")
    receive_path(home, file, now)
    return load_pending(home, "fx_rates", WATCHED, now)


def test_it_names_the_broken_rule_and_shows_the_failing_row(
    results: list[LoadResult], tmp_path: Path
) -> None:
    check = contract_check("fx_rates", results, [], tmp_path / "memory.json")
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "rate is not above zero" in (check.description or "")
    rules, sample = check.metadata["rules"], check.metadata["failing_rows_sample"]
    assert isinstance(rules, dg.TableMetadataValue)
    assert isinstance(sample, dg.TableMetadataValue)
    broken = [
        record.data
        for record in rules.records
        if record.data["holds"] == "no" and record.data["severity"] == "critical"
    ]
    assert [(rule["what would be wrong"], rule["failing rows"]) for rule in broken] == [
        ("rate is not above zero", 1)
    ]
    (failing,) = sample.records
    assert '"GBP"' in str(failing.data["row"])
    assert check.metadata["rows_in"].value == 2
    assert check.metadata["rows_quarantined"].value == 1


def test_a_run_without_loads_shows_the_last_one(results: list[LoadResult], tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    told = contract_check("fx_rates", results, [], memory)
    assert contract_check("fx_rates", [], [], memory) == told


def test_a_batch_that_is_owed_and_missing_blocks(tmp_path: Path) -> None:
    check = contract_check("fx_rates", [], ["case_january_2025"], tmp_path / "memory.json")
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert "case_january_2025" in (check.description or "")
