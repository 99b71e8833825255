"""GDELT's DOC API as it answers: an article list for a range of time, or hourly volumes of a day."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from ingestion.source import Request

STAMP = "%Y%m%d%H%M%S"
ARTICLES_AN_HOUR = 0.5


def answer(request: Request) -> bytes:
    """What the search of the address finds; `{}` for nothing."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    start, end = (
        datetime.strptime(asked[name], STAMP).replace(tzinfo=UTC) for name in ("startdatetime", "enddatetime")
    )
    hours = int((end - start) / timedelta(hours=1)) + 1
    chance = random.Random(request.url)
    if asked["mode"] == "timelinevolraw":
        return _timeline(asked["query"], start, hours, chance)
    articles = [_article(asked["query"], start, hours, chance) for _ in range(int(hours * ARTICLES_AN_HOUR))]
    return json.dumps({"articles": articles}, ensure_ascii=False).encode() if articles else b"{}"


def _timeline(query: str, start: datetime, hours: int, chance: random.Random) -> bytes:
    data = [
        {
            "date": f"{start + timedelta(hours=hour):%Y%m%dT%H0000Z}",
            "value": chance.randrange(40),
            "norm": 4000 + chance.randrange(3000),
        }
        for hour in range(hours)
    ]
    details = {"title": query, "date_resolution": "hour"}
    return json.dumps(
        {"query_details": details, "timeline": [{"series": "Article Count", "data": data}]}
    ).encode()


def _article(query: str, start: datetime, hours: int, chance: random.Random) -> dict[str, str]:
    """As recorded: empty texts for what is not there, titles in tokens."""
    name = query.strip("()").split(" OR ")[0].strip('"')
    number = chance.randrange(10**6)
    seen = start + timedelta(minutes=15 * chance.randrange(4 * hours))
    return {
        "url": f"https://www.outlet{number % 300}.example:443/news/story-{number}",
        "url_mobile": "",
        "title": f"{name} users move on ; others stay , for now  ",
        "seendate": f"{seen:%Y%m%dT%H%M00Z}",
        "socialimage": "",
        "domain": f"outlet{number % 300}.example",
        "language": chance.choice(["English", "Spanish", "Chinese"]),
        "sourcecountry": chance.choice(["United States", "Mexico", "China"]),
    }
