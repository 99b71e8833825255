"""Runs dbt inside this process, and reads what it says of the project.

Belongs here: where the dbt project is, its manifest, and one build. Does not belong here: SQL, and Dagster.
dbt is invoked through its own runner: a second process would cost its import again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.errors import BuildError
from ingestion.settings import PROJECT_ROOT, Home
from ingestion.space import says_full

PROJECT_DIR = PROJECT_ROOT / "dbt_project"
TARGET = PROJECT_DIR / "target" / "parsed"
"""Only what parses for the warehouse writes here: dbt's own folder holds whatever was done last, such as
the linter's parse for another target."""
MANIFEST = TARGET / "manifest.json"
PARSED = TARGET / "partial_parse.msgpack"
SEMANTIC_MANIFEST = "semantic_manifest.json"


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, seed or test in a build."""

    unique_id: str
    status: str
    message: str
    seconds: float
    failures: int | None

    @property
    def is_good(self) -> bool:
        """Whether what depends on the node may be used."""
        return self.status in {"success", "pass", "warn"}


def read_manifest() -> dict[str, Any]:
    """The parsed project as dbt wrote it at install time.

    Raises BuildError when it was never written.
    """
    if not MANIFEST.exists():
        raise BuildError(
            "the dbt project has not been parsed yet",
            source=str(MANIFEST.relative_to(PROJECT_ROOT)),
            remedy="Run `make setup`, or any `observatory` command",
        )
    manifest: dict[str, Any] = json.loads(MANIFEST.read_text())
    return manifest


def manifest_is_current() -> bool:
    """Whether no file of the project is younger than the manifest."""
    if not (MANIFEST.exists() and PARSED.exists()):
        return False
    written = MANIFEST.stat().st_mtime
    return all(
        path.stat().st_mtime <= written
        for path in PROJECT_DIR.rglob("*")
        if path.suffix in {".sql", ".py", ".yml", ".csv"} and not path.is_relative_to(PROJECT_DIR / "target")
    )


def ensure_manifest() -> None:
    """Parses the project if a file of it changed since the last parse."""
    if not manifest_is_current():
        _invoke(["parse"], target=TARGET, environ={}, manifest=None)
        offer_semantic_manifest()


def offer_semantic_manifest() -> None:
    """Puts the semantic manifest of the last parse where MetricFlow looks for it, and nowhere else."""
    wanted, place = (TARGET / SEMANTIC_MANIFEST).read_bytes(), PROJECT_DIR / "target" / SEMANTIC_MANIFEST
    if not place.exists() or place.read_bytes() != wanted:
        place.parent.mkdir(parents=True, exist_ok=True)
        own = place.with_name(f"{place.name}.{os.getpid()}")
        own.write_bytes(wanted)
        own.replace(place)


def build(home: Home, models: Sequence[str], lake_days: Path) -> list[NodeResult]:
    """Builds and tests `models` (names) in the warehouse of `home`.

    `lake_days` is the state of the lake, as `orchestration.upkeep` notes it: by it, models that are built by
    day know which. Tests of a model run with it; unit tests do not, since they say nothing about the data.
    Raises BuildError if dbt could not run at all.
    """
    from dbt.contracts.graph.manifest import Manifest

    manifest = Manifest.from_msgpack(PARSED.read_bytes())
    manifest.build_flat_graph()
    home.root.mkdir(parents=True, exist_ok=True)
    return _invoke(
        # Nobody reads the manifest that it would write again, which takes a third of a second.
        ["build", "--no-write-json", "--exclude-resource-type", "unit_test", "--select", *models],
        target=home.dbt_target,
        environ={
            "OBSERVATORY_WAREHOUSE": str(home.warehouse),
            "OBSERVATORY_LAKE": str(home.lake),
            "OBSERVATORY_LAKE_DAYS": str(lake_days),
        },
        manifest=manifest,
    )


def _invoke(
    arguments: Sequence[str], *, target: Path, environ: Mapping[str, str], manifest: Any
) -> list[NodeResult]:
    from dbt.cli.main import dbtRunner

    places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    outputs = ["--target-path", str(target), "--log-path", str(target)]
    with _environment(environ):
        try:
            outcome = dbtRunner(manifest=manifest).invoke([*_QUIET, *arguments, *places, *outputs])
        finally:
            close_warehouse()
    nodes = getattr(outcome.result, "results", None)
    if outcome.exception is not None and says_full(str(outcome.exception)):
        raise outcome.exception  # who called knows the home, and what to say
    if outcome.exception is not None or (nodes is None and not outcome.success):
        raise BuildError(
            f"dbt {arguments[0]} could not run: {outcome.exception}",
            source="dbt_project",
            remedy=f"Read {target / 'dbt.log'}, mend the project, and run again",
        )
    return [_node_result(node) for node in nodes or []]


def close_warehouse() -> None:
    """Closes the file that dbt ran on in this process; until then nothing else can open it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:  # `env()` fails where there is none
        DuckDBConnectionManager.env().close()
    DuckDBConnectionManager.close_all_connections()


_QUIET = ("--quiet", "--no-use-colors")


def _node_result(node: Any) -> NodeResult:
    return NodeResult(
        unique_id=node.node.unique_id,
        status=str(node.status),
        message=node.message or "",
        seconds=node.execution_time,
        failures=node.failures,
    )


@contextmanager
def _environment(additions: Mapping[str, str]) -> Iterator[None]:
    """Dbt reads its paths from the environment; they are there only while it runs."""
    before = {name: os.environ.get(name) for name in additions}
    os.environ.update(additions)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
