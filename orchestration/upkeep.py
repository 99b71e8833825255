"""Tells whether the published marts still follow from the lake and the dbt project.

A run with nothing new then builds nothing.

Belongs here: the fingerprint of all that marts are made from, and the marks that a build and a publish leave.
Does not belong here: building and publishing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestion.effects import ensure_folder, remove_durably, write_durably
from ingestion.settings import PROJECT_ROOT, Home
from orchestration.publish import LAYOUT


def fingerprint(home: Home, manifest: Mapping[str, Any]) -> str:
    """Names the state of the lake and of the project's code.

    A file of the lake is replaced, never written in place, so its size and time tell it from its successor.
    """
    digest = hashlib.sha256()
    for path in sorted(home.lake.rglob("*.parquet")):
        status = path.stat()
        digest.update(f"{path.relative_to(home.lake)} {status.st_size} {status.st_mtime_ns}\n".encode())
    for uid, node in sorted({**manifest["nodes"], **manifest["macros"]}.items()):
        said = {name: value for name, value in node.items() if name != "created_at"}
        digest.update(f"{uid} {json.dumps(said, sort_keys=True, default=str)}\n".encode())
        for path in code_of(node):
            digest.update(path.read_bytes())
    digest.update(f"layout {LAYOUT}".encode())
    return digest.hexdigest()


def code_of(node: Mapping[str, Any]) -> list[Path]:
    """Files that a model is made from beside its own text: its `meta: {code: [...]}`."""
    config: Mapping[str, Any] = node.get("config") or {}
    return [PROJECT_ROOT / path for path in (config.get("meta") or {}).get("code", [])]


def marts_are_current(home: Home, state: str) -> bool:
    """Whether what is published was built from `state`, and is as it was published."""
    return home.warehouse.exists() and _read(_published_mark(home)) == _seal(home, state)


def build_begins(home: Home) -> None:
    """From here until a whole build has ended, the warehouse follows from no single state."""
    if _built_mark(home).exists():
        remove_durably(_built_mark(home))


def build_ended(home: Home, state: str) -> None:
    """Every model was built from `state`."""
    ensure_folder(home.dbt_target)
    write_durably(_built_mark(home), state.encode())


def published(home: Home) -> None:
    """What was built last is what readers see."""
    state = _read(_built_mark(home))
    if state is not None:
        write_durably(_published_mark(home), _seal(home, state).encode())
    elif _published_mark(home).exists():
        remove_durably(_published_mark(home))


def _seal(home: Home, state: str) -> str:
    """`state`, and the files that readers see with their sizes: a damaged one does not pass for current."""
    current = home.published / "current"
    files = sorted(path for path in current.rglob("*") if path.is_file())
    sizes = [f"{path.relative_to(current)} {path.stat().st_size}" for path in files]
    return "\n".join([state, *sizes, f"link {home.published_database.exists()}"])


def _built_mark(home: Home) -> Path:
    return home.dbt_target / "built_from"


def _published_mark(home: Home) -> Path:
    return home.published / "built_from"


def _read(mark: Path) -> str | None:
    return mark.read_text() if mark.exists() else None
