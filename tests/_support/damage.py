"""Damage done to recorded answers: cut, with bytes exchanged, or with one odd value in a JSON document."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

ODD_VALUES: tuple[object, ...] = (
    None,
    True,
    "",
    "odd",
    "\ud800",
    -1,
    0,
    1.5,
    10**30,
    1e308,
    [],
    [None],
    {},
    {"odd": 1},
)
"""Values of every kind that JSON has, some of which no column can hold."""


def damaged_bytes(content: bytes) -> st.SearchStrategy[bytes]:
    """`content` cut off somewhere, or with some bytes in the place of others."""
    place = st.integers(0, len(content) - 1)
    cut = place.map(lambda end: content[:end])
    swapped = st.builds(
        lambda start, new: content[:start] + new + content[start + len(new) :],
        place,
        st.binary(min_size=1, max_size=8),
    )
    return cut | swapped


def odd_documents(document: Any) -> st.SearchStrategy[Any]:
    """`document` with one value of it replaced by an odd one, or taken out."""
    paths = list(_paths(document))
    return st.builds(
        lambda path, value, out: _changed(document, path, value, out),
        st.sampled_from(paths),
        st.sampled_from(ODD_VALUES),
        st.booleans(),
    )


def as_bytes(document: Any) -> bytes:
    """The document as an upstream sends it."""
    return json.dumps(document).encode()


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _paths(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _paths(child, (*path, index))


def _changed(document: Any, path: Path, value: Any, is_taken_out: bool) -> Any:
    result = copy.deepcopy(document)
    holder = result
    for step in path[:-1]:
        holder = holder[step]
    if is_taken_out:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return result
