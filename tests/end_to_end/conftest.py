"""One whole run on the bundled case, shared by the tests that only read its result."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Home
from orchestration.dbt import ensure_manifest
from orchestration.session import run_main_job

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def case_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An installation that has loaded and published January 2025. Do not change it."""
    ensure_manifest()
    home = Home(tmp_path_factory.mktemp("case") / "home")
    outcome = run_main_job(home, cases=["january_2025"])
    assert outcome.published, outcome.failures
    return home


@pytest.fixture
def loaded(case_home: Home, tmp_path: Path) -> Home:
    """A copy of that installation, to be changed."""
    home = Home(tmp_path / "home")
    shutil.copytree(case_home.root, home.root, symlinks=True)
    return home


@pytest.fixture(scope="session")
def query(case_home: Home) -> Query:
    """Runs plain SQL on the published file, as an analyst would."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(case_home.published_database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return run
