"""What importing the way into the lake costs, and what it must not know."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from ingestion.settings import PROJECT_ROOT

HEAVY = ("great_expectations", "pandas", "numpy", "duckdb", "dbt", "dagster")


@pytest.mark.parametrize("module", ["ingestion.load", "ingestion.inbox", "ingestion.data_docs"])
def test_importing_imports_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_ingestion_knows_neither_dagster_nor_dbt() -> None:
    for path in sorted((PROJECT_ROOT / "ingestion").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            roots = {name.split(".")[0] for name in names}
            assert not roots & {"dagster", "dbt", "dagster_dbt", "orchestration"}, path
