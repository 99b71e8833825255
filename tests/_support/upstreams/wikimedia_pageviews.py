"""Wikimedia's page views as it answers: made-up figures of any title, the same for the same request."""

from __future__ import annotations

import json
import random
from urllib.parse import unquote

from ingestion.source import Request

LISTED = ("TikTok", "Xiaohongshu", "Instagram", "YouTube", "ChatGPT", "Facebook")
LENGTH = 1000
CUT_OFF = 20_000


def answer(request: Request) -> bytes:
    """Views of one title on one day, or the day's top list, on which `LISTED` stand."""
    path = request.url.partition("/pageviews/")[2].split("/")
    document = _top_list(path[1], path[3:]) if path[0] == "top" else _article(path)
    return json.dumps(document, ensure_ascii=False).encode()


def views_of(project: str, title: str, day: str) -> int:
    """Views on a day (`YYYYMMDD`); above the cut-off where the title is on the list."""
    dice = random.Random(f"{project} {title} {day}")
    return dice.randrange(CUT_OFF, 400_000) if title in LISTED else dice.randrange(10, CUT_OFF)


def _article(path: list[str]) -> object:
    _, project, access, agent, escaped, granularity, first, last = path
    title = unquote(escaped)
    item = {
        "project": project, "article": title, "granularity": granularity, "timestamp": f"{first}00",
        "access": access, "agent": agent, "views": views_of(project, title, first),
    }  # fmt: skip
    return {"items": [item] if first == last else []}


def _top_list(project: str, day: list[str]) -> object:
    dice = random.Random(f"{project} {day}")
    views = {title: views_of(project, title, "".join(day)) for title in LISTED}
    views |= {f"Page_{number}": dice.randrange(CUT_OFF, 900_000) for number in range(LENGTH - len(LISTED))}
    ranked = sorted(views, key=lambda title: (-views[title], title))
    articles = [
        {"article": title, "views": views[title], "rank": rank} for rank, title in enumerate(ranked, start=1)
    ]
    year, month, of_month = day
    document = {"project": project, "access": "all-access", "year": year, "month": month, "day": of_month}
    return {"items": [{**document, "articles": articles}]}
