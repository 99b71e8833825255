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

OBSERVATORY = Path(sys.executable).with_name("observatory")
SAYS = PROJECT_ROOT / "docs" / "statistics.md"


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
    assert set(models_of(manifest["semantic_models"])) <= public
    assert len(manifest["metrics"]) >= 50
    for metric in manifest["metrics"].values():
        assert metric["description"].endswith("."), metric["name"]


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
