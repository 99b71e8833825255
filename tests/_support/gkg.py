"""GKG records and files for tests: one plain record to change, and zips of lines."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ingestion.gkg import COLUMNS

EMPTY = dict.fromkeys(COLUMNS, "")


def record(number: int = 0, title: str = "Council approves new bridge", **columns: str) -> bytes:
    """A record with these columns; `title` is escaped as GDELT does it, `extras` are put before it."""
    escaped = "".join(_escaped(character) for character in title)
    fields = {
        **EMPTY,
        "record": f"20250115001500-{number}",
        "batch": "20250115001500",
        "collection": "1",
        "outlet": "outlet.example",
        "url": f"https://outlet.example/story-{number}",
        "tone": "-1.5,2,3.5,5.5,20,0,321",
        **columns,
    }
    fields["extras"] += f"<PAGE_TITLE>{escaped}</PAGE_TITLE>"
    return "\t".join(fields.values()).encode()


def _escaped(character: str) -> str:
    if character in '&<>"':
        return {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}[character]
    return character if character.isascii() else f"&#x{ord(character):X};"


def zipped(content: bytes, name: str = "20250115001500.gkg.csv") -> bytes:
    """A zip file with one member."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def file_of(folder: Path, lines: Iterable[bytes]) -> Path:
    """A zip file of these lines, below `folder`."""
    path = folder / "gkg.zip"
    path.write_bytes(zipped(b"".join(line + b"\n" for line in lines)))
    return path
