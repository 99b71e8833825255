"""Reads captures with their source's reader, each once.

Belongs here: calling `Source.read`, holding it to what it promises, and the files `archive/parsed/...` that
spare a second reading: one answer may bring rows for several tables, and each table is loaded by itself.
Does not belong here: which captures make a day (`ingestion.manifests`).

The cache is worth nothing: whatever is missing or torn is read again from the archive. Its key names the
capture, the code that read it, and the watchlist it was read with.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.captures import Capture, Stage
from ingestion.effects import ensure_folder
from ingestion.readers import as_text, is_clean
from ingestion.settings import Home
from ingestion.source import Broken, Parsed, Row, Source, WrongAnswerError

if TYPE_CHECKING:
    from ingestion.watchlist import Watchlist

KEPT = timedelta(days=14)
MAX_BROKEN_CHARACTERS = 20_000
"""Of a piece that is no row, no more is copied to quarantine; the archive has all of it."""

logger = logging.getLogger(__name__)
_PARSING = threading.Lock()


@dataclass(frozen=True)
class Reader:
    """A source's reader with the watchlist that it reads by. `watchlist_digest` names that in the archive."""

    home: Home
    source: Source
    watchlist: Watchlist
    watchlist_digest: str

    @property
    def fingerprint(self) -> str:
        """Names the code that reads: the reader's module and all of this project that it imports."""
        return code_fingerprint(_module_of(self.source.read))

    def read(self, capture: Capture, *, again: bool = False) -> Parsed:
        """What a capture says: values as text or None, one reading for all who ask, unless `again`.

        Raises `WrongAnswerError`, also where the reader fails: that is a fault of the reader, and must stop
        neither the other answers nor the other sources.
        """
        path = self._cached(capture)
        outcome = None if again else _from_cache(path)
        if outcome is None:
            outcome = self._outcome(capture)
            _to_cache(path, outcome)
        if isinstance(outcome, WrongAnswerError):
            raise outcome
        return outcome

    def _cached(self, capture: Capture) -> Path:
        parts = (capture.source, str(capture.day), capture.id, self.fingerprint, self.watchlist_digest)
        key = hashlib.sha256("|".join(parts).encode()).hexdigest()
        return self.home.archive / "parsed" / key[:2] / f"{key}.jsonl"

    def _parsed(self, capture: Capture) -> Parsed:
        answer = capture.answer(self.home)
        if capture.refused_by is Stage.REQUEST and self.source.failed_look is not None:
            return self.source.failed_look(answer)
        return self.source.read(answer, self.watchlist)

    def _outcome(self, capture: Capture) -> Parsed | WrongAnswerError:
        try:
            return _held_to_promise(self.source, self._parsed(capture))
        except WrongAnswerError as error:
            return error
        except Exception as error:
            logger.exception("The reader of %s failed at %s", self.source.name, capture.request.url)
            return WrongAnswerError(
                f"its reader failed with {type(error).__name__}: {error}", is_retriable=False
            )


def forget_old(home: Home, now: datetime) -> None:
    """Removes what was read long ago."""
    for path in (home.archive / "parsed").glob("*/*.jsonl"):
        try:
            if now - datetime.fromtimestamp(path.stat().st_mtime, UTC) > KEPT:
                path.unlink()
        except FileNotFoundError:
            continue  # another process was faster


def _held_to_promise(source: Source, parsed: Parsed) -> Parsed:
    """`parsed` with values as text. A value that no file can hold makes its row a broken piece."""
    rows: dict[str, list[Row]] = {}
    broken: list[Broken] = []
    for table, given in parsed.rows.items():
        _check_table(source, table)
        rows[table] = []
        for number, row in enumerate(given, start=1):
            texts = {name: _text(value) for name, value in row.items()}
            if all(is_clean(text) for text in texts.values() if text is not None):
                rows[table].append(dict(texts))
            else:
                reason = "a value of the row holds a character that is none"
                broken.append(Broken(table, number, json.dumps(texts), reason))
    for piece in parsed.broken:
        _check_table(source, piece.table)
        broken.append(Broken(piece.table, piece.position, _clean(piece.text), _clean(piece.reason)))
    return Parsed(rows, broken)


def _check_table(source: Source, table: str) -> None:
    if table not in source.tables:
        raise ValueError(f"it gives {table}, which the source does not declare")


def _text(value: object) -> str | None:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return as_text(value)


def _clean(text: str) -> str:
    shown = text[:MAX_BROKEN_CHARACTERS].replace("\0", "\\0")
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


# --- the cache ------------------------------------------------------------------------------------


def _to_cache(path: Path, outcome: Parsed | WrongAnswerError) -> None:
    ensure_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("w", encoding="ascii") as file:
            file.writelines(f"{json.dumps(line)}\n" for line in _lines(outcome))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _lines(outcome: Parsed | WrongAnswerError) -> Iterator[object]:
    """A head that says how many lines follow, so that a torn file is known; then rows and broken pieces."""
    if isinstance(outcome, WrongAnswerError):
        yield {"wrong": str(outcome), "is_retriable": outcome.is_retriable}
        return
    tables = {table: len(rows) for table, rows in outcome.rows.items()}
    yield {"tables": tables, "broken": len(outcome.broken)}
    for rows in outcome.rows.values():
        yield from rows
    for piece in outcome.broken:
        yield [piece.table, piece.position, piece.text, piece.reason]


def _from_cache(path: Path) -> Parsed | WrongAnswerError | None:
    try:
        with path.open("rb") as file:
            head = json.loads(next(file, b"null"))
            if not isinstance(head, dict):
                return None
            if "wrong" in head:
                return WrongAnswerError(head["wrong"], is_retriable=head["is_retriable"])
            tables: dict[str, int] = head["tables"]
            rows: dict[str, list[Row]] = {
                table: [json.loads(next(file)) for _ in range(count)] for table, count in tables.items()
            }
            broken = [Broken(*json.loads(next(file))) for _ in range(head["broken"])]
    except (FileNotFoundError, ValueError, StopIteration, RuntimeError):
        return None  # not there, or torn when the power failed
    return Parsed(rows, broken)


# --- the code that reads --------------------------------------------------------------------------


def _module_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return function.__module__


def code_fingerprint(module: str) -> str:
    """Names the text of a module and of every module of `ingestion` that it imports, directly or not."""
    with _PARSING:  # Python 3.11 builds syntax trees in one thread at a time, or fails
        return _code_fingerprint(module)


@functools.cache
def _code_fingerprint(module: str) -> str:
    texts: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in texts:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        texts[name] = Path(spec.origin).read_bytes()
        waiting += _imported(texts[name])
    digest = hashlib.sha256()
    for name, text in sorted(texts.items()):
        digest.update(name.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:16]


def _imported(text: bytes) -> list[str]:
    """Modules of this project that a module imports, wherever in it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from ingestion.sources import x` means the module x, and not the whole registry beside it.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in names if name.startswith("ingestion.") and _is_module(name)]
            found += modules or [node.module]
    return [name for name in found if name.startswith("ingestion.")]


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
