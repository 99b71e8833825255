"""Hosts that have asked to be left alone, remembered from one run to the next.

Belongs here: the files `archive/hosts/<host>.json`. Does not belong here: what a host says
(`ingestion.http`), and waiting within a run (`ingestion.pace`).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from ingestion.effects import in_utc, locked, write_durably
from ingestion.settings import Home

LONGEST = timedelta(days=1)
"""For longer than this no host is left alone, whatever it asks for: it may have said so by mistake."""


def quiet_until(home: Home, url: str, now: datetime) -> datetime | None:
    """Until when (UTC) the host of an address is to be left alone; None if it may be asked now."""
    try:
        until = datetime.fromisoformat(json.loads(_path(home, url).read_bytes())["until"])
    except FileNotFoundError:
        return None
    return until if in_utc(now) < until <= in_utc(now) + LONGEST else None


def why_quiet(until: datetime) -> str:
    """Why a host is not asked."""
    return f"it has asked to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC"


def keep_quiet(home: Home, url: str, seconds: float, now: datetime) -> None:
    """Leaves the host of an address alone for so many seconds from `now` on."""
    until = in_utc(now) + timedelta(seconds=min(seconds, LONGEST.total_seconds()))
    content = json.dumps({"until": until.isoformat(timespec="microseconds")}) + "\n"
    path = _path(home, url)
    with locked(home, f"hosts/{path.stem}"):  # many threads hear the same from one host
        write_durably(path, content.encode())


def _path(home: Home, url: str) -> Path:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    name = (
        host
        if re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,200}", host)
        else hashlib.sha256(host.encode()).hexdigest()
    )
    return home.archive / "hosts" / f"{name}.json"
