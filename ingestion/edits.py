"""What an edit of the watchlist touches.

Belongs here: what of each platform matters to whom, as digests small enough for a cursor. Does not belong
here: what is done about it (`orchestration.defs.events`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.watchlist import Platform, Watchlist


@dataclass(frozen=True)
class Digests:
    """A watchlist as digests: of all of it, and by platform of what upstreams are asked for (apps, pages and
    names) and of what texts are searched for (names, with the words around them).
    """

    content: str
    asked: Mapping[str, str]
    searched: Mapping[str, str]


@dataclass(frozen=True)
class Edit:
    """What is different. Platforms in `asked` are new, or have another app, page or name; in `searched`, new
    or with other rules for names. A platform that is gone is in neither.
    """

    is_any: bool
    asked: frozenset[str]
    searched: frozenset[str]


def digests_of(watchlist: Watchlist) -> Digests:
    """The digests of a watchlist as it is."""
    platforms = watchlist.platforms.items()
    return Digests(
        content=_digest(watchlist.model_dump(mode="json")),
        asked={name: _digest(_asked(platform)) for name, platform in platforms},
        searched={
            name: _digest([alias.model_dump(mode="json") for alias in platform.aliases])
            for name, platform in platforms
        },
    )


def edit_between(before: Digests, after: Digests) -> Edit:
    """What lies between two states of the watchlist."""
    return Edit(
        is_any=before.content != after.content,
        asked=_different(before.asked, after.asked),
        searched=_different(before.searched, after.searched),
    )


def _asked(platform: Platform) -> dict[str, object]:
    return {
        "apps": sorted((store, app.id) for store, app in platform.apps.items() if app.id is not None),
        "pages": sorted((page.project, page.title) for page in platform.wikipedia),
        "names": sorted(alias.alias for alias in platform.aliases),
    }


def _different(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name, digest in after.items() if before.get(name) != digest)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
