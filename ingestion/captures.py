"""What was asked and what was answered: a record of every response, beside its bytes.

Belongs here: the files `archive/captures/<source>/<day>/<id>.json`, and which of them was the last of its
kind. Does not belong here: asking (`ingestion.http`) and reading (`ingestion.parsed`).

A record is written before the answer is read, also where it is none that can be used. Its bytes are an object
of the archive, so that an answer that stays the same is stored once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ingestion.archive import object_path
from ingestion.effects import in_utc, write_durably
from ingestion.settings import Home
from ingestion.source import Answer, Kind, Request, Window, shown

LATEST = "latest"
"""The folder that holds, for each address, the last capture that could be used."""


class Stage(StrEnum):
    """What found that an answer cannot be used: its status, its first bytes, or its reader.

    `request`: that there was none after all attempts. The record stands for a look that failed.
    """

    REQUEST = "request"
    STATUS = "status"
    START = "start"
    READER = "reader"


@dataclass(frozen=True)
class Capture:
    """One response. `fetched_at` is in UTC; `headers` are lower-case.

    `is_unchanged`: the upstream said that nothing has changed since the capture before; status, digest and
    size are those of that one. `refused`: why the answer cannot be used.
    """

    source: str
    request: Request
    status: int
    headers: Mapping[str, str]
    digest: str
    size_bytes: int
    fetched_at: datetime
    is_unchanged: bool = False
    refused_by: Stage | None = None
    refused: str | None = None

    @property
    def day(self) -> date:
        """The day of the window that it belongs to."""
        return self.request.day

    @property
    def id(self) -> str:
        """Names the capture; ids sort by time."""
        parts = (question_of(self.request), self.digest, str(self.status))
        moment = self.fetched_at.strftime("%Y%m%dT%H%M%S.%fZ")
        return f"{moment}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"

    @property
    def is_readable(self) -> bool:
        """Whether its bytes are worth a reader's while: they are the answer, whatever readers thought."""
        return self.refused_by in (None, Stage.READER)

    def answer(self, home: Home) -> Answer:
        """The capture as sources are given it."""
        path = object_path(home, self.digest)
        return Answer(
            self.request, self.status, self.headers, self.digest, self.size_bytes, self.fetched_at, path
        )


def write_capture(home: Home, capture: Capture) -> None:
    """Writes a record, or, again, what became of its answer."""
    path = _folder(home, capture.source) / str(capture.day) / f"{capture.id}.json"
    write_durably(path, _as_json(capture))


def refuse(home: Home, capture: Capture, by: Stage, why: str) -> Capture:
    """Marks a capture as one that cannot be used."""
    refused = replace(capture, refused_by=by, refused=why)
    write_capture(home, refused)
    return refused


def accept(home: Home, capture: Capture) -> Capture:
    """Takes the mark off a capture that can be read after all."""
    accepted = replace(capture, refused_by=None, refused=None)
    write_capture(home, accepted)
    return accepted


def captures_of(home: Home, source: str, day: date) -> list[Capture]:
    """All captures of a day, in the order in which they were made."""
    return [_read(path) for path in sorted((_folder(home, source) / str(day)).glob("*.json"))]


def capture_named(home: Home, source: str, day: date, name: str) -> Capture:
    """The capture with this id. Raises FileNotFoundError."""
    return _read(_folder(home, source) / str(day) / f"{name}.json")


def captured_days(home: Home, source: str, window: Window) -> list[date]:
    """Days of the window of which there are captures."""
    folder = _folder(home, source)
    return [day for day in window.days() if (folder / str(day)).is_dir()] if folder.is_dir() else []


def changes(captures: Iterable[Capture]) -> Iterator[Capture]:
    """Captures that say something new: of equal ones in a row, to the same question, the first."""
    last: dict[str, tuple[str, int]] = {}
    for capture in captures:
        said = (capture.digest, capture.status)
        question = question_of(capture.request)
        if last.get(question) != said:
            last[question] = said
            yield capture


# --- the last of its kind -------------------------------------------------------------------------


def remember_latest(home: Home, capture: Capture) -> None:
    """Makes a capture the one that the next request for the same address refers to."""
    write_durably(_latest_path(home, capture.source, capture.request), _as_json(capture))


def latest(home: Home, source: str, request: Request) -> Capture | None:
    """The last usable capture of the same address, if its bytes are still there."""
    if request.method != "GET":
        return None
    path = _latest_path(home, source, request)
    if not path.exists():
        return None
    capture = _read(path)
    return capture if object_path(home, capture.digest).exists() else None


def conditions(capture: Capture | None) -> dict[str, str]:
    """Headers that ask for an answer only if it is another than this one."""
    if capture is None:
        return {}
    names = {"etag": "if-none-match", "last-modified": "if-modified-since"}
    return {ours: capture.headers[theirs] for theirs, ours in names.items() if theirs in capture.headers}


def _latest_path(home: Home, source: str, request: Request) -> Path:
    named = hashlib.sha256(json.dumps([shown(request.url), sorted(request.headers.items())]).encode())
    return _folder(home, source) / LATEST / f"{named.hexdigest()[:32]}.json"


# --- as JSON --------------------------------------------------------------------------------------


def _folder(home: Home, source: str) -> Path:
    return home.archive / "captures" / source


def question_of(request: Request) -> str:
    """What makes a question the same: address, method, body, labels and day."""
    asked = [
        shown(request.url),
        request.method,
        request.body,
        sorted(request.labels.items()),
        str(request.day),
    ]
    return json.dumps(asked)


def _as_json(capture: Capture) -> bytes:
    request = capture.request
    fields = {
        "source": capture.source,
        "request": {
            "url": shown(request.url),
            "kind": request.kind.value,
            "day": str(request.day),
            "labels": dict(request.labels),
            "method": request.method,
            "headers": dict(request.headers),
            "body": request.body,
            "max_bytes": request.max_bytes,
            "max_unpacked_bytes": request.max_unpacked_bytes,
            "missing_is_answer": request.missing_is_answer,
            "follows_redirects": request.follows_redirects,
        },
        "status": capture.status,
        "headers": dict(capture.headers),
        "digest": capture.digest,
        "size_bytes": capture.size_bytes,
        "fetched_at": in_utc(capture.fetched_at).isoformat(timespec="microseconds"),
        "is_unchanged": capture.is_unchanged,
        "refused_by": capture.refused_by,
        "refused": capture.refused,
    }
    return (json.dumps(fields, indent=1) + "\n").encode()


def _read(path: Path) -> Capture:
    fields: dict[str, Any] = json.loads(path.read_bytes())
    request = fields["request"]
    fields["request"] = Request(
        **{**request, "kind": Kind(request["kind"]), "day": date.fromisoformat(request["day"])}
    )
    fields["fetched_at"] = datetime.fromisoformat(fields["fetched_at"])
    fields["refused_by"] = Stage(fields["refused_by"]) if fields["refused_by"] else None
    return Capture(**fields)
