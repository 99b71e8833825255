"""The search of Hacker News as it answers: pages of made-up stories, always the same, the last one short."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from ingestion.source import Request

TITLES = (
    "{name} adds end-to-end encryption",
    "Why I left {name}",
    "Show HN: A client for {name} in 300 lines of Go",
    "{name} is down",
    "Ask HN: What do you use instead of {name}?",
)
PAGES = 3


def answer(request: Request) -> bytes:
    """A page of hits. Names of six letters have several pages, others a single one."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    name, page, size = asked["query"].strip('"'), int(asked["page"]), int(asked["hitsPerPage"])
    start = int(asked["numericFilters"].split(",")[0].removeprefix("created_at_i>="))
    pages = PAGES if len(name) == 6 else 1
    count = size if page < pages - 1 else 7
    return json.dumps(
        {
            "hits": [_hit(name, start, page * size + number) for number in range(count)],
            "nbHits": (pages - 1) * size + 7,
            "page": page,
            "nbPages": pages,
            "hitsPerPage": size,
            "exhaustiveNbHits": True,
            "query": asked["query"],
            "params": urlsplit(request.url).query,
            "processingTimeMS": 3,
        }
    ).encode()


def _hit(name: str, start: int, number: int) -> dict[str, object]:
    dice = random.Random(f"{name} {start} {number}")
    created = start + dice.randrange(86_400)
    story = dice.randrange(10**7, 10**8)
    is_text = dice.random() < 0.2
    return {
        "objectID": str(story),
        "title": dice.choice(TITLES).format(name=name),
        "url": None if is_text else f"https://www.example{dice.randrange(50)}.com/{story}",
        "author": f"user{dice.randrange(999)}",
        "points": dice.randrange(400),
        "num_comments": dice.randrange(200),
        "created_at": f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "created_at_i": created,
        "story_id": story,
        "story_text": "<p>Some words.</p>" if is_text else None,
        "_tags": ["story", f"story_{story}"],
        "_highlightResult": {"title": {"value": name, "matchLevel": "full", "matchedWords": [name.lower()]}},
    }
