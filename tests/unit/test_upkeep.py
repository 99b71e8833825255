"""When marts are current: only if neither the lake nor the project has changed since they were published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Home
from orchestration import upkeep

MANIFEST: dict[str, Any] = {
    "nodes": {"model.a": {"checksum": {"checksum": "1"}, "config": {}}},
    "macros": {"macro.m": {"macro_sql": "select 1"}},
}


@pytest.fixture
def published(home: Home) -> Home:
    partition = home.lake / "raw" / "import" / "fx_rates" / "day=2025-01-13"
    partition.mkdir(parents=True)
    (partition / "data.parquet").write_bytes(b"rows")
    home.warehouse.write_bytes(b"")
    home.published_database.write_bytes(b"")
    home.published.mkdir()
    upkeep.build_ended(home, upkeep.fingerprint(home, MANIFEST))
    upkeep.published(home)
    return home


def is_current(home: Home, manifest: dict[str, Any] = MANIFEST) -> bool:
    return upkeep.marts_are_current(home, upkeep.fingerprint(home, manifest))


def test_nothing_changed(published: Home) -> None:
    assert is_current(published)


def test_a_partition_was_replaced(published: Home) -> None:
    (file,) = published.lake.rglob("*.parquet")
    file.write_bytes(b"other rows")
    assert not is_current(published)


def test_a_partition_came_or_went(published: Home) -> None:
    (file,) = published.lake.rglob("*.parquet")
    file.unlink()
    assert not is_current(published)


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": {"model.a": {"checksum": {"checksum": "2"}, "config": {}}}},
        {"macros": {"macro.m": {"macro_sql": "select 2"}}},
    ],
)
def test_the_project_changed(published: Home, change: dict[str, Any]) -> None:
    assert not is_current(published, MANIFEST | change)


def test_code_that_a_model_calls_changed(home: Home, tmp_path: Path) -> None:
    """A model in Python says which files it is made from beside its own."""
    code = tmp_path / "rules.py"
    node = {"checksum": {"checksum": "1"}, "config": {"meta": {"code": [str(code)]}}}
    states = []
    for text in ("ALIKE = 0.7", "ALIKE = 0.8", "ALIKE = 0.7"):
        code.write_text(text)
        states.append(upkeep.fingerprint(home, {"nodes": {"model.a": node}, "macros": {}}))
    assert states[0] == states[2] != states[1]


def test_a_build_that_was_not_published_is_not_current(published: Home) -> None:
    changed = MANIFEST | {"macros": {}}
    upkeep.build_begins(published)
    upkeep.build_ended(published, upkeep.fingerprint(published, changed))
    assert not is_current(published, changed)


def test_a_part_that_was_built_and_published_leaves_no_state_to_be_current_with(published: Home) -> None:
    upkeep.build_begins(published)
    upkeep.published(published)
    assert not is_current(published)


def test_a_lost_warehouse_is_built_again(published: Home) -> None:
    published.warehouse.unlink()
    assert not is_current(published)
