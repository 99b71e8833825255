"""Tells which models still follow from the lake and the dbt project, and whether readers see them.

A run builds what does not: nothing new, nothing built; rows that came late re-open the models downstream of
their table, and no others.

Belongs here: the state that each model would have if it were built now, and the marks that a build and a
publish leave. Does not belong here: building and publishing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ingestion.effects import ensure_folder, remove_durably, write_durably
from ingestion.settings import PROJECT_ROOT, Home
from orchestration.publish import LAYOUT

States = Mapping[str, str]
"""dbt's unique id of a model or seed -> what it is made from, as a digest."""
Lake = Mapping[tuple[str, str], str]
"""Raw table and day -> its files, of all sources, as a digest."""

BUILT = ("model", "seed", "snapshot")
Copied = TypeVar("Copied")


def states(lake: Lake, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The state that each model and seed would have if all of them were built now, parents first.

    It names the whole project, and the files of the raw tables that the model reads, directly or not. A file
    of the lake is replaced, never written in place, so its size and time tell it from its successor.
    """
    tables = _tables(lake)
    project = _project(manifest)
    found: dict[str, str] = {}

    def state(uid: str) -> str:
        if uid not in found:
            parents = sorted(parents_of(manifest, uid))
            digest = hashlib.sha256(f"{project} {uid}\n".encode())
            for parent in parents:
                said = state(parent) if parent in manifest["nodes"] else tables.get(_table_of(parent), "")
                digest.update(f"{parent} {said}\n".encode())
            found[uid] = digest.hexdigest()
        return found[uid]

    for uid, node in manifest["nodes"].items():
        if node.get("resource_type") in BUILT:
            state(uid)
    return found


def parents_of(manifest: Mapping[str, Any], uid: str) -> list[str]:
    """Models, seeds and raw tables that a model reads itself."""
    named: list[str] = (manifest["nodes"][uid].get("depends_on") or {}).get("nodes", [])
    return [parent for parent in named if not parent.startswith("test.")]


def _table_of(source_uid: str) -> str:
    return source_uid.rpartition(".")[2]


def _tables(lake: Lake) -> dict[str, str]:
    """Each raw table's files, as a digest."""
    digests: dict[str, Any] = {}
    for (table, day), digest in sorted(lake.items()):
        digests.setdefault(table, hashlib.sha256()).update(f"{day} {digest}\n".encode())
    return {table: digest.hexdigest() for table, digest in digests.items()}


def lake_of(home: Home) -> Lake:
    """How the lake stands. To be asked for once for one use: it may have many thousands of files."""
    told: dict[tuple[str, str], list[str]] = {}
    for path in sorted(home.lake.rglob("*.parquet")):
        inside = path.relative_to(home.lake)
        status = path.stat()
        _, _, table, day, *_ = inside.parts  # raw/<source>/<table>/day=.../data.parquet
        file = f"{inside} {status.st_size} {status.st_mtime_ns}\n"
        told.setdefault((table, day.removeprefix("day=")), []).append(file)
    return {place: hashlib.sha256("".join(files).encode()).hexdigest() for place, files in told.items()}


def note_lake(home: Home, lake: Lake, manifest: Mapping[str, Any]) -> Path:
    """Writes what models by day are told of the lake and the code: table, day, digest; gives the file.

    They rebuild the days whose digest changed since they were built, as the macro `note_lake` says.
    """
    lines = [f"{table},{day},{digest}" for (table, day), digest in sorted(lake.items())]
    code = f"code,0001-01-01,{_project(manifest)}"
    ensure_folder(home.dbt_target)
    told = home.dbt_target / "lake_days.csv"
    told.write_text("\n".join(["table_name,day,digest", code, *lines, ""]))
    return told


def _project(manifest: Mapping[str, Any]) -> str:
    """Everything that is code: models, tests, macros, and files that models are made from."""
    digest = hashlib.sha256()
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


# --- what is built --------------------------------------------------------------------------------


def outdated(home: Home, wanted: States) -> list[str]:
    """What is not, or not surely, as it would be if it were built now."""
    built = _built(home)
    return [uid for uid, state in wanted.items() if built.get(uid) != state]


def build_begins(home: Home, uids: Iterable[str]) -> None:
    """From here until their build has ended, these follow from no single state."""
    rebuilt = set(uids)
    left = {uid: state for uid, state in _built(home).items() if uid not in rebuilt}
    _note_built(home, left)


def build_ended(
    home: Home, manifest: Mapping[str, Any], wanted: States, good: Collection[str], bad: Collection[str] = ()
) -> None:
    """`good` were built from `wanted`, while `bad` failed, or a test of theirs did.

    A model counts as built from a state only if all that it reads is: one that was built alone, on models of
    an earlier state, is built again with them.
    """
    marks = {uid: state for uid, state in _marks(home).items() if uid not in bad}
    waiting = [uid for uid in good if uid not in bad]
    while waiting:
        ready = [uid for uid in waiting if _follows(manifest, uid, wanted, marks)]
        marks |= {uid: wanted[uid] for uid in ready}
        waiting = [uid for uid in waiting if uid not in ready] if ready else []
    _note_built(home, marks)


def _follows(manifest: Mapping[str, Any], uid: str, wanted: States, marks: States) -> bool:
    parents = [parent for parent in parents_of(manifest, uid) if parent in wanted]
    return all(marks.get(parent) == wanted[parent] for parent in parents)


def _note_built(home: Home, marks: States) -> None:
    ensure_folder(home.dbt_target)
    said = {"warehouse": _file_of(home.warehouse), "models": dict(marks)}
    write_durably(_built_mark(home), json.dumps(said, indent=0, sort_keys=True).encode())


def replace_by_copy(home: Home, replace: Callable[[], Copied]) -> Copied:
    """Lets `replace` put a faithful copy in the place of the warehouse: what was built stays built."""
    built = _built(home)
    copied = replace()
    _note_built(home, built)
    return copied


def _built(home: Home) -> dict[str, str]:
    """The marks; none where the warehouse is not the file that the last build left."""
    return _marks(home) if _said(home).get("warehouse") == _file_of(home.warehouse) else {}


def _marks(home: Home) -> dict[str, str]:
    marks: dict[str, str] = _said(home).get("models", {})
    return marks


def _said(home: Home) -> dict[str, Any]:
    try:
        said = json.loads(_built_mark(home).read_bytes())
    except (FileNotFoundError, ValueError):  # never built, or a mark of an earlier form
        return {}
    return said if isinstance(said, dict) else {}


def _file_of(path: Path) -> list[int] | None:
    """What tells a file from another under its name, though not from a faithful copy."""
    if not path.exists():
        return None
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


# --- what readers see -----------------------------------------------------------------------------


def marts_are_current(home: Home, wanted: States) -> bool:
    """Whether what is published was built from `wanted`, and is as it was published."""
    return not outdated(home, wanted) and _read(_published_mark(home)) == _seal(home, wanted)


def published(home: Home) -> None:
    """What was built last is what readers see."""
    built = _built(home)
    if built:
        write_durably(_published_mark(home), _seal(home, built).encode())
    else:
        remove_durably(_published_mark(home))


def _seal(home: Home, built: States) -> str:
    """`built`, and the files that readers see with their sizes: a damaged one does not pass for current."""
    current = home.published / "current"
    files = sorted(path for path in current.rglob("*") if path.is_file())
    sizes = [f"{path.relative_to(current)} {path.stat().st_size}" for path in files]
    state = hashlib.sha256(json.dumps(sorted(built.items())).encode()).hexdigest()
    return "\n".join([state, *sizes, f"link {home.published_database.exists()}"])


def _built_mark(home: Home) -> Path:
    return home.dbt_target / "built_from"


def _published_mark(home: Home) -> Path:
    return home.published / "built_from"


def _read(mark: Path) -> str | None:
    return mark.read_text() if mark.exists() else None
