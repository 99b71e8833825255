"""Which models are built again, and when marts are current: what changed, and what reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Home
from orchestration import upkeep


def node(kind: str, *reads: str) -> dict[str, Any]:
    return {"resource_type": kind, "depends_on": {"nodes": list(reads)}, "config": {}, "checksum": "1"}


PRICES, RATES = "source.p.raw.price_bars", "source.p.raw.fx_rates"
MANIFEST: dict[str, Any] = {
    "nodes": {
        "seed.words": node("seed"),
        "model.stg_prices": node("model", PRICES),
        "model.stg_rates": node("model", RATES),
        "model.returns": node("model", "model.stg_prices"),
        "model.converted": node("model", "model.stg_prices", "model.stg_rates", "seed.words"),
        "test.of_converted": node("test", "model.converted", "model.stg_rates"),
    },
    "macros": {"macro.m": {"macro_sql": "select 1"}},
}
MODELS = [uid for uid in MANIFEST["nodes"] if not uid.startswith("test.")]


def partition(home: Home, table: str, day: str, source: str = "import") -> Path:
    return home.lake / "raw" / source / table / f"day={day}" / "data.parquet"


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def build(home: Home, *uids: str, bad: tuple[str, ...] = (), manifest: dict[str, Any] = MANIFEST) -> None:
    """What a build leaves: another warehouse, and its marks."""
    wanted = upkeep.states(upkeep.lake_of(home), manifest)
    upkeep.build_begins(home, uids)
    home.warehouse.write_bytes(home.warehouse.read_bytes() + b".")
    upkeep.build_ended(home, manifest, wanted, uids, bad)


def outdated(home: Home, manifest: dict[str, Any] = MANIFEST) -> set[str]:
    return set(upkeep.outdated(home, upkeep.states(upkeep.lake_of(home), manifest)))


def is_current(home: Home, manifest: dict[str, Any] = MANIFEST) -> bool:
    return upkeep.marts_are_current(home, upkeep.states(upkeep.lake_of(home), manifest))


@pytest.fixture
def published(home: Home) -> Home:
    for table in ("price_bars", "fx_rates"):
        write(partition(home, table, "2025-01-13"), b"rows")
    home.warehouse.write_bytes(b"")
    home.published_database.write_bytes(b"")
    home.published.mkdir()
    build(home, *MODELS)
    upkeep.published(home)
    return home


def test_nothing_changed(published: Home) -> None:
    assert is_current(published)
    assert outdated(published) == set()


@pytest.mark.parametrize("source", ["import", "yahoo_chart"])
def test_late_rows_touch_what_reads_their_table_and_nothing_else(published: Home, source: str) -> None:
    write(partition(published, "fx_rates", "2025-01-02", source), b"late")
    assert not is_current(published)
    assert outdated(published) == {"model.stg_rates", "model.converted"}


def test_a_partition_was_replaced_or_went(published: Home) -> None:
    path = partition(published, "price_bars", "2025-01-13")
    path.write_bytes(b"other rows")
    touched = {"model.stg_prices", "model.returns", "model.converted"}
    assert outdated(published) == touched
    path.unlink()
    assert outdated(published) == touched


def test_only_what_was_touched_needs_to_be_built_for_all_to_be_current(published: Home) -> None:
    write(partition(published, "fx_rates", "2025-01-02"), b"late")
    build(published, *outdated(published))
    assert outdated(published) == set()
    assert not is_current(published), "it is not published yet"
    upkeep.published(published)
    assert is_current(published)


def test_a_model_that_was_built_alone_on_an_old_parent_is_built_again(published: Home) -> None:
    write(partition(published, "price_bars", "2025-01-14"), b"new")
    build(published, "model.returns")
    assert outdated(published) == {"model.stg_prices", "model.returns", "model.converted"}
    build(published, "model.stg_prices", "model.returns")
    assert outdated(published) == {"model.converted"}


def test_a_build_that_is_killed_leaves_what_it_had_begun_to_be_built_again(published: Home) -> None:
    upkeep.build_begins(published, ["model.returns"])
    assert outdated(published) == {"model.returns"}


def test_what_failed_or_whose_test_failed_is_built_again(published: Home) -> None:
    build(published, "model.converted", "model.returns", bad=("model.converted", "model.stg_rates"))
    assert outdated(published) == {"model.converted", "model.stg_rates"}


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": {**MANIFEST["nodes"], "model.returns": {**node("model", "model.stg_prices"), "raw": "2"}}},
        {"macros": {"macro.m": {"macro_sql": "select 2"}}},
    ],
)
def test_everything_is_built_again_when_the_project_changed(published: Home, change: dict[str, Any]) -> None:
    assert outdated(published, MANIFEST | change) == set(MODELS)


def test_code_that_a_model_calls_changed(home: Home, tmp_path: Path) -> None:
    """A model in Python says which files it is made from beside its own."""
    code = tmp_path / "rules.py"
    model = {"resource_type": "model", "config": {"meta": {"code": [str(code)]}}}
    found = []
    for text in ("ALIKE = 0.7", "ALIKE = 0.8", "ALIKE = 0.7"):
        code.write_text(text)
        found.append(upkeep.states(upkeep.lake_of(home), {"nodes": {"model.a": model}, "macros": {}}))
    assert found[0] == found[2] != found[1]


def test_a_lost_or_exchanged_warehouse_is_built_again_as_a_whole(published: Home) -> None:
    content = published.warehouse.read_bytes()
    published.warehouse.unlink()
    assert outdated(published) == set(MODELS)
    published.warehouse.write_bytes(content + b"other")
    assert outdated(published) == set(MODELS)


def test_a_damaged_publication_is_published_again_and_nothing_built(published: Home) -> None:
    published.published_database.unlink()
    assert not is_current(published)
    assert outdated(published) == set()


def test_marks_of_an_earlier_version_count_for_nothing(published: Home) -> None:
    (published.dbt_target / "built_from").write_text("0123abcd")
    assert outdated(published) == set(MODELS)
