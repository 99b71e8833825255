"""Google Play's top charts, by the call `vyAe2` with which the store's own page fills itself.

Undocumented: positions in nested lists, no names, no rank (it is the place in the list), no time, and nothing
that says whose chart it is. The answer is `)]}'`, an empty line, then lines of JSON, each behind a line with
its length, in one of which the chart stands as a text of JSON again. It gives 200 apps at most; there is no
Google Play in China. Beside what a chart needs, the app's icon, price, score, category, developer and
installs lie in the archive.

A piece is an app of the chart's list.
"""

from __future__ import annotations

import json
from urllib.parse import quote_plus

from ingestion.source import (
    MEBIBYTE,
    Answer,
    Asking,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Source,
    WrongAnswerError,
)
from ingestion.sources._charts import (
    TABLES,
    Listed,
    PieceError,
    chart_not_there,
    chart_rows,
    day_of_now,
    failed_look,
    labels_of,
    live_capture,
    text_of,
)
from ingestion.sources._documents import as_json, changed, expect_status, start_of
from ingestion.watchlist import Watchlist

UPSTREAM = "Google Play"
HOST = "play.google.com"
CALL = "vyAe2"
PREFIX = ")]}'"
"""Stands before the answer so that no page can run it as a script."""

CHARTS = {
    "topselling_free": "top_free_overall",
    "topselling_paid": "top_paid_overall",
    "topgrossing": "top_grossing_overall",
}
"""Google's name of a collection, and that of the chart here."""
CATEGORY = "APPLICATION"
DEPTH = 200
NOT_IN = frozenset({"CN"})

LIST = (0, 1, 0, 28, 0)
"""Where the list stands in the inner JSON."""
ROW_OF_LIST = LIST[:2]
"""Where NULL stands for a chart that the store does not have."""
APP = (0,)
"""Where the app stands in an element of the list; the places below are seen from there."""
PACKAGE, NAME = (0, 0), (3,)


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """A request a storefront and collection, if today is asked for."""
    day = day_of_now(asking)
    if day is None:
        return
    yield [
        Request(
            url=f"https://{HOST}/_/PlayStoreUi/data/batchexecute?rpcids={CALL}&rt=c&hl=en&gl={country}",
            kind=Kind.JSON,
            day=day,
            labels=labels_of(country, chart, zone),
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
            body=f"f.req={quote_plus(_call(collection))}",
            max_bytes=8 * MEBIBYTE,
            max_unpacked_bytes=32 * MEBIBYTE,
        )
        for country, zone in asking.watchlist.storefronts.items()
        if country not in NOT_IN
        for collection, chart in CHARTS.items()
    ]


def _call(collection: str) -> str:
    """The call of a chart: how many apps, which fields, which list."""
    asked = [[None, [[None, [None, DEPTH]], None, None, [113]], [2, collection, CATEGORY]]]
    return _compact([[[CALL, _compact(asked), None, "generic"]]])


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """The chart as it was when it was fetched."""
    expect_status(answer, UPSTREAM)
    capture = live_capture(answer, SOURCE.name, "google_play", "Google")
    chart = _chart(answer.content())
    if _at(chart, ROW_OF_LIST[:1]) is not None and _at(chart, ROW_OF_LIST) is None:
        return chart_not_there(capture)
    apps = _at(chart, LIST)
    if not isinstance(apps, list):
        return changed(UPSTREAM, f"there is no list at {list(LIST)} of the chart")
    if not apps:
        raise WrongAnswerError(f"{UPSTREAM} sends a list without an app", is_retriable=True)
    return chart_rows(capture, apps, _listed)


def _chart(content: bytes) -> object:
    """The inner JSON of the call's answer. Raises WrongAnswerError."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise WrongAnswerError(f"{UPSTREAM} sends bytes that are not UTF-8", is_retriable=True) from error
    if not text.startswith(PREFIX):
        raise WrongAnswerError(
            f"{UPSTREAM} sends no answer to {CALL}; the body begins with {start_of(text)!r}",
            is_retriable=True,
        )
    lines = [line for line in text.removeprefix(PREFIX).split("\n") if line.startswith("[")]
    frames = [frame for line in lines for frame in _frames(line)]
    for frame in frames:
        match frame:
            case ["wrb.fr", str(call), str(inner), *_] if call == CALL:
                return _json(inner)
            case ["wrb.fr", str(call), _, *rest] if call == CALL:
                raise WrongAnswerError(
                    f"{UPSTREAM} answers the call without a chart: {start_of(as_json(rest))}",
                    is_retriable=True,
                )
    raise WrongAnswerError(f"{UPSTREAM} sends no answer to {CALL}", is_retriable=True)


def _frames(line: str) -> list[object]:
    value = _json(line)
    return value if isinstance(value, list) else []


def _json(text: str) -> object:
    try:
        return json.loads(text, parse_constant=str)
    except RecursionError as error:
        raise WrongAnswerError(f"{UPSTREAM} sends JSON without a bottom", is_retriable=False) from error
    except ValueError as error:
        raise WrongAnswerError(
            f"{UPSTREAM} sends truncated or malformed JSON of {len(text)} characters", is_retriable=True
        ) from error


def _listed(piece: object, position: int) -> Listed:
    app = _at(piece, APP)
    package = text_of(_at(app, PACKAGE), "the package")
    if not package.isascii() or "." not in package or " " in package:
        raise PieceError(f"{start_of(package)!r} is no name of a package")
    return Listed(position, package, text_of(_at(app, NAME), "the name"))


def _at(value: object, places: tuple[int, ...]) -> object:
    """What stands at a place in lists of lists; None where one is too short, or is no list."""
    for place in places:
        if not isinstance(value, list) or len(value) <= place:
            return None
        value = value[place]
    return value


SOURCE = Source(
    name="google_play_charts",
    group="charts",
    description="Top free, top paid and top grossing apps of Google Play, a storefront at a time, 200 deep.",
    tables=TABLES,
    hosts=(HOST,),
    pace=Pace(requests_per_minute=20, at_once=1, seconds_between=2.0),
    day_zone="UTC",
    ask=ask,
    read=read,
    failed_look=failed_look("google_play_charts", "google_play", "Google"),
)
