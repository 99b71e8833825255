"""The page `health/index.html`: how every source does, for a person without a terminal.

Belongs here: facts as HTML that needs no network and runs no script; whatever a file or an upstream said is
shown, never executed. Does not belong here: the facts (`ingestion.health`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape
from pathlib import Path

from ingestion.alerts import OpenAlert, open_alerts
from ingestion.data_docs import PAGES
from ingestion.effects import write_durably
from ingestion.health import Health, SourceHealth, State
from ingestion.settings import Home
from ingestion.space import ADVICE, Room

COLUMNS = ("source", "state", "last success (UTC)", "lag", "volume", "open quarantine", "what to do")
CLASSES = {State.WELL: "published", State.STALE: "failed", State.FAILED: "failed", State.HELD: "held"}


def write_health_page(home: Home, facts: Health) -> Path:
    """Writes the page in one step, and gives its path."""
    write_durably(home.health_page, page_of(facts, open_alerts(home)).encode())
    return home.health_page


def page_of(facts: Health, alerts: Sequence[OpenAlert]) -> str:
    """The page."""
    style = (PAGES / "style.css").read_text()
    ill = len(facts.ill)
    verdict = "All sources do well." if not ill else f"{ill} source(s) need somebody."
    at = f"{facts.at:%Y-%m-%d %H:%M} UTC"
    told = _table(("what", "since (UTC)", "told"), (_alert_row(one) for one in alerts))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Health</title>'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{style}</style></head><body><h1>Health</h1>\n"
        f"<p>{verdict} As of {at}. Loads one by one: <code>data_docs/index.html</code>.</p>\n"
        f"{_disk(facts.room)}"
        f"{_table(COLUMNS, (_row(one) for one in facts.sources))}\n"
        f"<h2>Open alerts</h2>\n{told if alerts else '<p>None.</p>'}\n</body></html>\n"
    )


def ago(lag: timedelta | None) -> str:
    """A span as people say it."""
    if lag is None:
        return "never"
    hours = lag.total_seconds() / 3600
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"


def volume_told(one: SourceHealth) -> str:
    """The volumes of a source in a line each."""
    return "\n".join(f"{volume.table}: {volume.told}" for volume in one.volumes)


def quarantine_told(one: SourceHealth) -> str:
    """What waits of a source, in a line."""
    batches = sum(item.is_batch for item in one.items)
    parts = [f"{batches} batch(es)"] if batches else []
    return ", ".join([*parts, *([f"{one.open_rows} rows"] if one.items else [])])


def _disk(room: Room) -> str:
    """Free space as a paragraph, marked where it is little."""
    if not room.is_little:
        return f"<p>Disk: {escape(room.told)}.</p>\n"
    style = "failed" if room.is_too_little else "held"
    told = f"Disk: {room.told}. {ADVICE}"
    return f'<p><span class="{style}">{escape(told)}</span></p>\n'


def _row(one: SourceHealth) -> Iterable[str]:
    state = f'<span class="{CLASSES.get(one.state, "published_with_quarantine")}">{escape(one.state)}</span>'
    idle = "" if one.state is State.IDLE else ago(one.lag)
    last = f"{one.last_success:%Y-%m-%d %H:%M}" if one.last_success else ""
    plain = (last, idle, volume_told(one), quarantine_told(one), "\n".join(one.to_do))
    return (escape(one.source), state, *(_lines(text) for text in plain))


def _alert_row(one: OpenAlert) -> Iterable[str]:
    alert = one.alert
    told = f"{one.told_at:%Y-%m-%d %H:%M}" if one.told_at else "not yet"
    said = f"{alert.kind}: {alert.said} {alert.remedy}"
    return escape(said), f"{one.since:%Y-%m-%d %H:%M}", told


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}\n</table>"


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())
