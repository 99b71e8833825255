"""Reading answers that are JSON documents: the whole, and values of the wrong kind in them.

Belongs here: what several sources do to a JSON answer before they look at what it says.
Does not belong here: what any one upstream means by it.
"""

from __future__ import annotations

import json
from typing import NoReturn

from ingestion.source import Answer, WrongAnswerError

SHOWN = 80
"""Characters of an answer that a message repeats."""
KEPT = 2000
"""Characters of a broken piece that go to quarantine."""

Document = dict[str, object]


def expect_status(answer: Answer, upstream: str) -> None:
    """Refuses any status but success, and "no such thing" where the request takes that for an answer."""
    if answer.status in {200, 203} or (answer.status in {404, 410} and answer.request.missing_is_answer):
        return
    raise WrongAnswerError(
        f"{upstream} answers with status {answer.status}",
        is_retriable=answer.status in {408, 429} or answer.status >= 500,
    )


def json_object(answer: Answer, upstream: str, *, strict: bool = True) -> Document:
    """The JSON object that the body is.

    Numbers that JSON does not have (NaN, Infinity) are left as text; raw control characters may stand in
    texts unless `strict`. Raises WrongAnswerError for anything else than an object: nothing, a web page, a
    sentence, bytes that are not UTF-8, half a document.
    """
    content = answer.content()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise WrongAnswerError(
            f"{upstream} sends bytes that are not UTF-8 (at byte {problem.start} of {len(content)})",
            is_retriable=True,
        ) from None
    if not text.strip():
        raise WrongAnswerError(f"{upstream} sends an empty body", is_retriable=True)
    try:
        document = json.loads(text, parse_constant=str, strict=strict)
    except (ValueError, RecursionError) as problem:  # RecursionError: nested without end
        raise _not_json(upstream, text, problem) from None
    if not isinstance(document, dict):
        raise WrongAnswerError(
            f"{upstream} sends no JSON object; the body begins with {start_of(text)!r}", is_retriable=False
        )
    return document


def _not_json(upstream: str, text: str, problem: Exception) -> WrongAnswerError:
    start = text.lstrip()
    if start.startswith("<"):
        seen = "a web page in place of JSON"
    elif start.startswith(("{", "[")):
        seen = f"truncated or malformed JSON of {len(text)} characters ({start_of(str(problem))})"
    else:
        seen = "no JSON"
    return WrongAnswerError(
        f"{upstream} sends {seen}; the body begins with {start_of(start)!r}", is_retriable=True
    )


def changed(upstream: str, what: str) -> NoReturn:
    """The upstream no longer sends what this module reads."""
    raise WrongAnswerError(f"{upstream} has changed its format: {what}", is_retriable=False)


def start_of(text: str) -> str:
    """The beginning of a text, on one line."""
    return " ".join(text[: 4 * SHOWN].split())[:SHOWN]


def plain(value: object) -> object:
    """A value as a row may hold it: what is no number, text or NULL becomes the JSON that it was."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be stored
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return as_json(value)


def as_json(piece: object) -> str:
    """A piece as the upstream wrote it, for the quarantine."""
    try:
        text = json.dumps(piece, ensure_ascii=False)
    except RecursionError:  # a reader of JSON gets a little deeper than a writer
        text = "(nested too deep to be shown)"
    return text.encode("utf-8", "replace").decode()[:KEPT]


def filled(value: object) -> object:
    """`plain`, with text that says nothing as NULL: upstreams write "" for none."""
    return None if isinstance(value, str) and not value.strip() else plain(value)
