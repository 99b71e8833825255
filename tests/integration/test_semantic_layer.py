"""What stands beside the public marts: metrics, exposures and the page on what they can say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import PROJECT_ROOT, Home
from orchestration.dbt import ensure_manifest, read_manifest
from orchestration.defs.warehouse import public_models
from orchestration.semantic import MetricError, asked_metrics, refuse_unknown

OBSERVATORY = Path(sys.executable).with_name("observatory")
SAYS = PROJECT_ROOT / "docs" / "statistics.md"
QUESTIONS = {
    "counterfactual_summary",
    "demand_index",
    "diversion",
    "episode_comparison",
    "episode_dynamics",
    "event_study",
    "lead_lag",
    "migration_daily",
    "migration_episodes",
    "persistence",
    "retention",
    "source_agreement",
    "surges",
}
"""Marts that answer a question about a migration, each with a number to be asked for."""


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    ensure_manifest()
    return read_manifest()


@pytest.fixture(scope="module")
def public(manifest: dict[str, Any]) -> set[str]:
    return set(public_models(manifest))


def models_of(nodes: dict[str, Any]) -> list[str]:
    return [name.rsplit(".", 1)[-1] for node in nodes.values() for name in node["depends_on"]["nodes"]]


def test_every_public_mart_has_an_exposure_and_nothing_else_is_exposed(
    manifest: dict[str, Any], public: set[str]
) -> None:
    assert set(models_of(manifest["exposures"])) == public
    for exposure in manifest["exposures"].values():
        assert exposure["description"].endswith("."), exposure["name"]
        page, _, anchor = exposure["url"].partition("#")
        text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
        assert not anchor or re.search(rf"^#+ {anchor}$", text, re.MULTILINE), exposure["url"]


def test_every_public_mart_has_a_section_on_what_it_can_say(public: set[str]) -> None:
    sections = re.findall(r"^## (\w+)$", SAYS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted(public)


def test_metrics_are_described_and_read_public_marts_alone(
    manifest: dict[str, Any], public: set[str]
) -> None:
    measured = set(models_of(manifest["semantic_models"]))
    assert measured <= public
    assert measured >= QUESTIONS
    for metric in manifest["metrics"].values():
        assert metric["description"].endswith("."), metric["name"]


def test_every_measure_is_offered_as_a_metric(manifest: dict[str, Any]) -> None:
    """A measure that no metric takes, and a metric that takes none, answer nothing."""
    measures = {
        measure["name"] for model in manifest["semantic_models"].values() for measure in model["measures"]
    }
    taken = {
        measure["name"]
        for metric in manifest["metrics"].values()
        for measure in metric["type_params"]["input_measures"]
    }
    assert taken == measures


def test_every_public_mart_has_an_owner(manifest: dict[str, Any]) -> None:
    owners = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["config"].get("access") == "public":
            assert owners[node["group"]], node["name"]


def test_every_mart_that_answers_a_question_has_a_unit_test(manifest: dict[str, Any]) -> None:
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    assert QUESTIONS | {"attention_displacement", "counterfactual_controls", "event_study_tests"} <= tested


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["--metrics", "best_rank,car", "--group-by", "platform"], ["best_rank", "car"]),
        (["--metrics=best_rank, car", "--limit", "5"], ["best_rank", "car"]),
        (["--group-by", "platform", "--metrics"], []),
    ],
)
def test_the_metrics_of_a_question_are_known_before_it_is_asked(
    arguments: list[str], asked: list[str]
) -> None:
    assert asked_metrics(arguments) == asked


def test_a_mistyped_metric_is_answered_with_the_nearest() -> None:
    known = ["best_rank", "car", "half_life_days"]
    refuse_unknown(["best_rank", "CAR"], known)
    with pytest.raises(MetricError) as refused:
        refuse_unknown(["car", "best_rnk"], known)
    assert (refused.value.problem, refused.value.remedy) == (
        "no metric is called best_rnk",
        "Nearest: best_rank",
    )
    with pytest.raises(MetricError, match="list metrics"):
        refuse_unknown(["zzzz"], known)


def test_metricflow_finds_nothing_wrong(home: Home, tmp_path: Path) -> None:
    home.root.mkdir()
    duckdb.connect(str(home.published_database)).close()
    command = [str(OBSERVATORY), "mf", "validate-configs", "--skip-dw"]
    environment = {"OBSERVATORY_HOME": str(home.root), "PATH": "", "HOME": str(tmp_path)}
    outcome = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "Successfully validated the semantics" in outcome.stdout + outcome.stderr
