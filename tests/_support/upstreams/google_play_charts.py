"""Google Play's answer to the call `vyAe2`, made by hand from its description: no recording exists."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from ingestion.source import Request
from ingestion.sources.google_play_charts import CHARTS
from tests._support.upstreams._rankings import MadeUpApp, ranking, seen_by


def answer(request: Request) -> bytes:
    """The list that the form asks for."""
    country = parse_qs(urlsplit(request.url).query)["gl"][0]
    [[[_, call, *_]]] = json.loads(parse_qs(request.body or "")["f.req"][0])
    [[_, [[_, [_, depth]], *_], [_, collection, _]]] = json.loads(call)
    apps = ranking(
        "google_play",
        country,
        CHARTS[collection],
        request.day,
        seen_by=seen_by("google_play_charts", request),
        depth=depth,
    )
    return framed(chart_of([item_of(app) for app in apps]))


def chart_of(items: list[object]) -> list[object]:
    """The inner JSON with these items in its list."""
    return [[None, [[*[None] * 3, [None], *[None] * 24, [items]]], [2, "topselling_free", "APPLICATION"]]]


def framed(chart: object) -> bytes:
    """The body that carries an inner JSON: a guard, and lines of JSON with their lengths before them."""
    frame = ["wrb.fr", "vyAe2", _compact(chart), None, None, None, "generic"]
    line = _compact([frame, ["di", 69], ["af.httprm", 69, "-5193476518436312411", 4]])
    end = _compact([["e", 4, None, None, len(line)]])
    return f")]}}'\n\n{len(line) + 2}\n{line}\n{len(end) + 2}\n{end}\n".encode()


def item_of(app: MadeUpApp) -> list[object]:
    """An element of the list; what stands where is told in the description of the upstream."""
    is_free = app.number % 7 != 3
    details: list[object] = [None] * 23
    details[0] = [app.store_app_id, 7]
    details[1] = [None, 2, [512, 512], [None, None, f"https://play-lh.googleusercontent.com/{app.number}"]]
    details[2] = [[None, 1, None, [None, None, f"https://play-lh.googleusercontent.com/shot{app.number}"]]]
    details[3] = app.name
    details[4] = ["4.6", 4.6264343]
    details[5] = "Social"
    details[8] = [None, [[0 if is_free else 1_990_000, "USD", ""]]]
    details[10] = [None, None, None, None, [None, None, f"/store/apps/details?id={app.store_app_id}"]]
    details[13] = [None, "Share what you like<br>with people you like.<br>" * 8]
    details[14] = app.developer
    details[15] = "5,000,000+"
    return [details, [[None, None, [None, "Social"]]], 0]


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
