"""Looks at the first bytes of an answer, before any parser does.

Belongs here: whether bytes can be of the kind that was asked for. A page of a load balancer with status 200
is the usual case. Does not belong here: whether they are well-formed, which their reader finds out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ingestion.source import Kind

LOOKED_AT_BYTES = 64 * 1024
SHOWN_BYTES = 60
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

_LEADING = re.compile(rb"(?:\s|<\?xml[^>]*\?>|<!--.*?-->)*", re.DOTALL)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_HTML_ANYWHERE = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|div|script|p)\b", re.IGNORECASE)
_ELEMENT = re.compile(rb"<[!?A-Za-z_]")
_FEED = re.compile(rb"<(?:\w+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)


def mismatch(path: Path, kind: Kind) -> str | None:
    """What is wrong with the file at `path` if it should be of this kind; None if nothing is."""
    with path.open("rb") as content:
        start = content.read(LOOKED_AT_BYTES)
    if not start.strip():
        # A list without entries is an empty text.
        return None if kind is Kind.TEXT else f"an empty body instead of {kind.value}"
    if _fits(start, kind):
        return None
    return f"{_looks_like(start)} instead of {kind.value}; it starts with {_shown(start)}"


def _fits(start: bytes, kind: Kind) -> bool:
    if kind is Kind.ZIP:
        return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    return not _is_binary(start) and _FITTING[kind](_without_mark(start))


def _is_json(text: bytes) -> bool:
    """An object or a list; Google puts `)]}'` in front, so that no page can include it as a script."""
    return text.lstrip().startswith((b"{", b"[", b")]}'"))


def _is_feed(text: bytes) -> bool:
    return _is_json(text) or _FEED.search(text) is not None or _is_bare_xml(text)


def _is_xml(text: bytes) -> bool:
    return _ELEMENT.match(text.lstrip()) is not None and not _is_html(text)


def _is_table(text: bytes) -> bool:
    return not _is_html(text) and not text.lstrip().startswith((b"{", b"[", b"<"))


def _is_bare_xml(text: bytes) -> bool:
    """XML that starts without saying of what: a feed may be cut or empty, and its reader says so."""
    return text.lstrip().startswith((b"<?xml", b"<!--")) and not _HTML_ANYWHERE.search(text)


def _is_html(text: bytes) -> bool:
    leading = _LEADING.match(text)
    return _HTML.match(text, leading.end() if leading else 0) is not None


_FITTING: dict[Kind, Callable[[bytes], bool]] = {
    Kind.JSON: _is_json,
    Kind.FEED: _is_feed,
    Kind.XML: _is_xml,
    Kind.HTML: lambda text: _HTML_ANYWHERE.search(text) is not None,
    Kind.CSV: _is_table,
    Kind.TEXT: lambda text: not _is_html(text),
}


def _is_binary(start: bytes) -> bool:
    """UTF-16 has NUL bytes, too, and says so by its mark."""
    return b"\0" in start[:1024] and not start.startswith(MARKS)


def _without_mark(start: bytes) -> bytes:
    """Text in UTF-16 as UTF-8, so that one set of patterns serves."""
    if start.startswith(MARKS[1:]):
        return start.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
    return start.removeprefix(MARKS[0])


def _looks_like(start: bytes) -> str:
    if start.startswith(b"PK\x03\x04"):
        return "a zip file"
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    if _is_binary(start):
        return "binary data"
    text = _without_mark(start)
    if _is_html(text):
        return "HTML"
    if _is_json(text):
        return "JSON"
    return "XML" if _ELEMENT.match(text.lstrip()) else "other text"


def _shown(start: bytes) -> str:
    text = " ".join(_without_mark(start).decode("utf-8", errors="replace").split())
    return repr(text if len(text) <= SHOWN_BYTES else f"{text[:SHOWN_BYTES]}...")
