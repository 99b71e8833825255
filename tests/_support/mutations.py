"""Answers that somebody has damaged: cut, overwritten, or with another value in some place."""

from __future__ import annotations

import copy
from typing import Any, cast

from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "0", "NaN", "<html>", "\x00", "2025-13-45", "https://[/id5", "id٣", "小红书"]),
    st.text(max_size=8),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)
)
REMOVED = object()


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of `content` cut off, taken out, or replaced by others."""
    start = draw(st.integers(0, len(content)))
    match draw(st.sampled_from(["cut", "take out", "overwrite"])):
        case "cut":
            return content[:start]
        case "take out":
            return content[:start] + content[start + draw(st.integers(1, 40)) :]
    put = draw(st.binary(max_size=8))
    return content[:start] + put + content[start + len(put) :]


@st.composite
def altered(draw: st.DrawFn, document: Any) -> Any:
    """`document` with one to three of its values replaced by others, or taken away."""
    result = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        place, parent, key = result, cast("Any", None), cast("Any", None)
        while isinstance(place, (dict, list)) and place and (parent is None or draw(st.integers(0, 5)) > 0):
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            parent, key = place, draw(st.sampled_from(list(keys)))
            place = place[key]
        value = draw(st.one_of(VALUES, st.just(REMOVED)))
        if parent is None:
            return None if value is REMOVED else value
        if value is REMOVED:
            del parent[key]
        else:
            parent[key] = value
    return result
