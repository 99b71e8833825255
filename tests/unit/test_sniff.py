"""The first look at an answer."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ingestion.sniff import mismatch
from ingestion.source import Kind
from tests._support.upstream import HTML

GOOD = {
    Kind.JSON: [b'\n\n{"resultCount":0}', b"[]", b'\xef\xbb\xbf{}', b")]}'\n\n12\n[[", "{}".encode("utf-16")],
    Kind.XML: [b'<?xml version="1.0"?><gesmes:Envelope/>', b"<rss/>", b"  <a>"],
    Kind.FEED: [b'<?xml version="1.0"?><rss>', b"<feed xmlns=''>", b"<!-- x --><rdf:RDF>", b'{"items": []}'],
    Kind.HTML: [HTML, b"<html>", b"\n <!-- x --> <BODY>"],
    Kind.TEXT: [b"150383 297a16 http://x", b"", b'{"not": "my business"}'],
    Kind.CSV: [b"Date,Open\n", b"\xef\xbb\xbfDate, USD,\n", "Date,Open".encode("utf-16")],
    Kind.ZIP: [b"PK\x03\x04...", b"PK\x05\x06..."],
}  # fmt: skip
BAD = {
    Kind.JSON: [HTML, b"", b"  ", b"No data", b"<rss/>", gzip.compress(b"{}", mtime=0), b"\0\0{"],
    Kind.XML: [HTML, b"<?xml version='1.0'?><!-- x --><html>", b"{}", b"", b"text"],
    Kind.FEED: [HTML, b"", b"Too Many Requests", b"PK\x03\x04"],
    Kind.HTML: [b"{}", b"", b"plain", b"<rss>"],
    Kind.TEXT: [HTML, b"\0\0\0\0", b"PK\x03\x04\0"],
    Kind.CSV: [HTML, b"", b'{"error": 1}', b"[1]", b"<Error/>"],
    Kind.ZIP: [HTML, b"", b"{}", gzip.compress(b"1", mtime=0), b"PK"],
}


def look(tmp_path: Path, content: bytes, kind: Kind) -> str | None:
    path = tmp_path / "answer"
    path.write_bytes(content)
    return mismatch(path, kind)


@pytest.mark.parametrize(("kind", "content"), [(k, c) for k, contents in GOOD.items() for c in contents])
def test_what_may_be_of_its_kind_is_let_through(tmp_path: Path, kind: Kind, content: bytes) -> None:
    assert look(tmp_path, content, kind) is None


@pytest.mark.parametrize(("kind", "content"), [(k, c) for k, contents in BAD.items() for c in contents])
def test_what_cannot_be_of_its_kind_is_refused_with_what_was_seen(
    tmp_path: Path, kind: Kind, content: bytes
) -> None:
    said = look(tmp_path, content, kind)
    assert said is not None
    assert f"instead of {kind.value}" in said
    assert "\n" not in said


def test_it_says_what_it_saw_instead(tmp_path: Path) -> None:
    assert str(look(tmp_path, HTML, Kind.JSON)).startswith("HTML instead of json; it starts with '<!DOCTYPE")
    assert str(look(tmp_path, b"", Kind.JSON)) == "an empty body instead of json"
    assert str(look(tmp_path, b"Edge: Too Many Requests", Kind.JSON)).startswith("other text instead")
    assert str(look(tmp_path, gzip.compress(b"", mtime=0), Kind.ZIP)).startswith("gzip instead of zip")


def test_malformed_feeds_are_left_to_their_reader(shared: Path) -> None:
    feeds = sorted((shared / "recordings/news/feeds").rglob("*.xml"))
    assert len(feeds) >= 9
    assert {path.name: mismatch(path, Kind.FEED) for path in feeds} == {path.name: None for path in feeds}
