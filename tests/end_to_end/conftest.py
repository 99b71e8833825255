"""One whole run on the bundled case, shared by the tests that only read its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from ingestion.settings import Home
from orchestration.dbt import ensure_manifest
from orchestration.session import run_main_job

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def case_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An installation that has loaded and published January 2025."""
    ensure_manifest()
    home = Home(tmp_path_factory.mktemp("case") / "home")
    outcome = run_main_job(home, cases=["january_2025"])
    assert outcome.published, outcome.failures
    return home


@pytest.fixture(scope="session")
def query(case_home: Home) -> Query:
    """Runs plain SQL on the published file, as an analyst would."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(case_home.published_database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return run
