"""Answers of an upstream that has changed its format: a column more, a column less, NULL in a column.

Works on any answer whose format has columns: JSON objects, XML elements and attributes, tables of text, and
such a table in a zip file. Of others (HTML, JSON of bare lists) there is nothing to change.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

from ingestion.source import Kind

NEW = "column_of_tomorrow"
MAX_COLUMNS = 40
XSSI = ")]}'"


def with_a_new_column(content: bytes, kind: Kind) -> bytes:
    """The same answer with a column more, in every element of a list."""
    document = _json(content)
    if document is not None:
        return _dumped(_walked(document, _add))
    if kind is Kind.ZIP:
        return _zipped_again(content, lambda text: with_a_new_column(text, Kind.CSV))
    if (table := _table(content, kind)) is not None:
        return _written(table, [*(_row(row, NEW if n == 0 else "x") for n, row in enumerate(table.rows))])
    if (root := _xml(content, kind)) is not None:
        for element in root.iter():
            if len(element):
                ElementTree.SubElement(element, NEW).text = "x"
        return _xml_bytes(root)
    return content


def without_each_column(content: bytes, kind: Kind) -> Iterator[tuple[str, bytes]]:
    """The answer once for each of its columns, without it."""
    yield from _changed(content, kind, lambda holder, name: holder.pop(name, None), drop=True)


def with_each_column_null(content: bytes, kind: Kind) -> Iterator[tuple[str, bytes]]:
    """The answer once for each of its columns, with nothing in it."""

    def empty(holder: dict[str, Any], name: str) -> None:
        if name in holder:
            holder[name] = None

    yield from _changed(content, kind, empty, drop=False)


def _changed(
    content: bytes, kind: Kind, change: Callable[[dict[str, Any], str], object], *, drop: bool
) -> Iterator[tuple[str, bytes]]:
    document = _json(content)
    if document is not None:
        for name in _names(document)[:MAX_COLUMNS]:
            yield name, _dumped(_walked(_json(content), lambda holder, name=name: change(holder, name)))  # type: ignore[misc]
        return
    if kind is Kind.ZIP:
        text = _unzipped(content)
        for name, changed in _changed(text, Kind.CSV, change, drop=drop) if text else ():
            yield name, _zipped_again(content, lambda _, changed=changed: changed)  # type: ignore[misc]
        return
    if (table := _table(content, kind)) is not None:
        for column in range(min(MAX_COLUMNS, max(map(len, table.rows), default=0))):
            kept = 0 if drop or not table.has_head else 1  # a column that is NULL still has its name
            rows = [_without(row, column, drop=drop) for row in table.rows[kept:]]
            yield f"column {column + 1}", _written(table, table.rows[:kept] + rows)
        return
    if (root := _xml(content, kind)) is not None:
        tags = dict.fromkeys(element.tag for element in root.iter() if element is not root)
        names = dict.fromkeys(name for element in root.iter() for name in element.attrib)
        for name in [*tags, *names][:MAX_COLUMNS]:
            yield str(name), _xml_without(content, str(name), drop=drop)


# --- JSON -----------------------------------------------------------------------------------------


def _json(content: bytes) -> Any:
    try:
        text = content.decode("utf-8-sig")
        return None if text.lstrip().startswith(XSSI) else json.loads(text, strict=False)
    except ValueError:
        return None


def _dumped(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _add(holder: dict[str, Any]) -> None:
    holder[NEW] = "x"


def _walked(document: Any, change: Callable[[dict[str, Any]], object]) -> Any:
    """`document` after `change` of every object that is an element of a list, or the document itself."""
    waiting: list[tuple[Any, bool]] = [(document, True)]
    while waiting:
        node, is_element = waiting.pop()
        if isinstance(node, dict):
            waiting += [(value, change is not _add) for value in node.values()]
            if is_element:
                change(node)
        elif isinstance(node, list):
            waiting += [(value, True) for value in node]
    return document


def _names(document: Any) -> list[str]:
    names: dict[str, None] = {}
    waiting = [document]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, dict):
            names.update(dict.fromkeys(node))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node[:50]
    return list(names)


# --- tables ---------------------------------------------------------------------------------------


class _Table:
    def __init__(self, rows: list[list[str]], separator: str, *, has_head: bool) -> None:
        self.rows = rows
        self.separator = separator
        self.has_head = has_head


def _table(content: bytes, kind: Kind) -> _Table | None:
    if kind not in (Kind.CSV, Kind.TEXT):
        return None
    text = content.decode("utf-8", "replace")
    first = text.partition("\n")[0]
    if "\t" in first:
        return _Table([line.split("\t") for line in text.splitlines()], "\t", has_head=False)
    if "," in first:
        return _Table(list(csv.reader(io.StringIO(text))), ",", has_head=True)
    if " " in first:
        return _Table([line.split(" ") for line in text.splitlines()], " ", has_head=False)
    return None


def _row(row: list[str], cell: str) -> list[str]:
    return [*row, cell] if row else row


def _without(row: list[str], column: int, *, drop: bool) -> list[str]:
    return row[:column] + ([] if drop else [""]) + row[column + 1 :] if column < len(row) else row


def _written(table: _Table, rows: list[list[str]]) -> bytes:
    if table.separator != ",":
        return "".join(f"{table.separator.join(row)}\n" for row in rows).encode()
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


# --- zip files ------------------------------------------------------------------------------------


def _unzipped(content: bytes) -> bytes | None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.namelist()
        return archive.read(members[0]) if len(members) == 1 else None


def _zipped_again(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as to,
    ):
        for name in archive.namelist():
            to.writestr(name, change(archive.read(name)))
    return packed.getvalue()


# --- XML ------------------------------------------------------------------------------------------


def _xml(content: bytes, kind: Kind) -> ElementTree.Element | None:
    if kind not in (Kind.XML, Kind.FEED):
        return None
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return None


def _xml_bytes(root: ElementTree.Element) -> bytes:
    tags = " ".join(str(element.tag) for element in root.iter())
    for place, space in enumerate(dict.fromkeys(re.findall(r"\{([^}]+)\}", tags))):
        ElementTree.register_namespace("" if place == 0 else f"n{place}", space)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _xml_without(content: bytes, name: str, *, drop: bool) -> bytes:
    root = ElementTree.fromstring(content)
    for element in root.iter():
        if name in element.attrib:
            if drop:
                del element.attrib[name]
            else:
                element.attrib[name] = ""
        for child in [child for child in element if child.tag == name]:
            if drop:
                element.remove(child)
            else:
                child.text = None
                for inner in list(child):
                    child.remove(inner)
    return _xml_bytes(root)
