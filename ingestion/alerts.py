"""What people are told, and that they are told of each cause once.

Belongs here: what an alert says, how several become one message, and the memory of causes in
`alerts/<digest of the cause>.json`. Does not belong here: who finds out (`orchestration.defs.alerts`), and
where messages go, which is for `apprise`.

A cause is open from when it is first seen until it is seen no more. It is told when its message has been
accepted everywhere: a message that fails is sent again with the next one, and one whose sender is killed at
that moment, or that cannot be noted since the disk is full, may come twice, but is never lost.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ingestion.effects import in_utc, locked, remove_durably, write_durably
from ingestion.errors import AlertError, SettingError
from ingestion.settings import Home

logger = logging.getLogger(__name__)

ALERTS_VARIABLE = "OBSERVATORY_ALERTS"
UI_VARIABLE = "OBSERVATORY_UI_URL"
DEFAULT_UI = "http://127.0.0.1:3000"
PRODUCT = "Migration Observatory"
LISTED = 10
"""Alerts of one kind that a message spells out."""
SAID_CHARACTERS = 600


class Kind(StrEnum):
    """What has happened."""

    EPISODE = "episode detected"
    LACKING = "episode not looked at closer"
    HELD = "load held back"
    STALE = "source stale"
    FAILED = "run failed"
    SPACE = "disk nearly full"
    BLIND = "watch that failed"


@dataclass(frozen=True)
class Alert:
    """Something that a person should know.

    `subject`: what it is about: an episode, a table of a source, a source, a job. `detail` tells causes of
    one subject apart. `path`: the page of the web UI, such as `/runs/<id>`.
    """

    kind: Kind
    subject: str
    said: str
    remedy: str
    path: str
    detail: str = ""

    @property
    def cause(self) -> str:
        """The same as long as nothing else has gone wrong."""
        return "|".join((self.kind, self.subject, self.detail))


@dataclass(frozen=True)
class Message:
    """What is sent: plain text."""

    title: str
    body: str


@dataclass(frozen=True)
class OpenAlert:
    """An alert whose cause is there. `told_at` None: nobody has been told yet."""

    alert: Alert
    since: datetime
    told_at: datetime | None


Send = Callable[[Message], None]
"""Delivers a message, or raises `AlertError`."""


def tell(
    home: Home,
    alerts: Sequence[Alert],
    now: datetime,
    *,
    send: Send | None,
    ui: str = DEFAULT_UI,
    is_open: Callable[[Alert], bool] = lambda alert: True,
) -> Message | None:
    """Notes `alerts`, forgets the causes that are gone, and sends one message of all that is untold.

    `is_open` says of a cause that is not among `alerts` whether it is still there. Without `send`, nobody is
    configured to be told: alerts are noted, and told once somebody is. Raises `AlertError` when the message
    was not accepted; then it is still to be told. Raises `OSError` where memory failed, having told all.
    """
    with locked(home, "alerts"):
        seen = {alert.cause: alert for alert in alerts}
        noted = {one.alert.cause: one for one in open_alerts(home)}
        gone = [cause for cause, one in noted.items() if cause not in seen and not is_open(one.alert)]
        new = [OpenAlert(alert, in_utc(now), None) for cause, alert in seen.items() if cause not in noted]
        kept = [one for cause, one in noted.items() if cause not in gone]
        untold = sorted((one for one in (*kept, *new) if one.told_at is None), key=_age)
        unwritten = _note(home, gone, new)
        message = message_of([one.alert for one in untold], ui) if untold and send else None
        if message and send:
            send(message)
            told = [OpenAlert(one.alert, one.since, in_utc(now)) for one in untold]
            unwritten = _note(home, (), told) or unwritten
    if unwritten:
        raise unwritten
    return message


def _note(home: Home, gone: Iterable[str], found: Iterable[OpenAlert]) -> OSError | None:
    """Forgets and remembers. An error is given back, not raised: on a full disk people are told first."""
    try:
        for cause in gone:
            remove_durably(_path(home, cause))
        for one in found:
            _write(home, one)
    except OSError as error:
        return error
    return None


def open_alerts(home: Home) -> list[OpenAlert]:
    """All causes that are there, the oldest first."""
    found = [_read(path) for path in sorted(home.alerts.glob("*.json"))]
    return sorted((one for one in found if one), key=_age)


def _age(one: OpenAlert) -> tuple[datetime, str]:
    return (one.since, one.alert.cause)


def message_of(alerts: Sequence[Alert], ui: str) -> Message:
    """One message for all of them, a paragraph a kind."""
    counts = Counter(alert.kind for alert in alerts)
    told = [f"{kind}: {count}" if count > 1 else str(kind) for kind in Kind if (count := counts[kind])]
    about = f" ({alerts[0].subject})" if len(alerts) == 1 else ""
    paragraphs = []
    for kind in Kind:
        ours = [alert for alert in alerts if alert.kind is kind]
        if ours:
            lines = [_line(alert, ui) for alert in ours[:LISTED]]
            more = [f"- and {len(ours) - LISTED} more"] if len(ours) > LISTED else []
            paragraphs.append("\n".join([f"{kind.capitalize()}:", *lines, *more]))
    return Message(f"{PRODUCT}: {', '.join(told)}{about}", "\n\n".join(paragraphs))


def _line(alert: Alert, ui: str) -> str:
    said = " ".join(alert.said.split())[:SAID_CHARACTERS]
    return f"- {said} {alert.remedy} {ui.rstrip('/')}{alert.path}"


def ui_address(environ: Mapping[str, str]) -> str:
    """Where people see the web UI."""
    return environ.get(UI_VARIABLE, "").strip() or DEFAULT_UI


def sender(environ: Mapping[str, str]) -> Send | None:
    """Sends through the services of `OBSERVATORY_ALERTS`; None where there are none.

    The addresses hold passwords: no message and no error repeats them. Raises `SettingError`.
    """
    addresses = environ.get(ALERTS_VARIABLE, "").strip()
    if not addresses:
        return None
    import apprise

    services = apprise.Apprise(asset=apprise.AppriseAsset(app_id=PRODUCT, async_mode=False))
    if not services.add(addresses):
        raise SettingError(
            "holds an address that apprise does not know",
            source=ALERTS_VARIABLE,
            remedy="Give apprise addresses, such as json://host/path or mailto://..., separated by commas.",
        )

    def send(message: Message) -> None:
        sent = services.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT)
        if not sent:
            raise AlertError(
                "a service did not take the message",
                source=ALERTS_VARIABLE,
                remedy="Check the addresses and the services. It is sent again with the next check.",
            )

    return send


# --- memory ---------------------------------------------------------------------------------------


def _path(home: Home, cause: str) -> Path:
    return home.alerts / f"{hashlib.sha256(cause.encode()).hexdigest()[:24]}.json"


def _write(home: Home, one: OpenAlert) -> None:
    fields = {
        "alert": asdict(one.alert),
        "since": one.since.isoformat(),
        "told_at": one.told_at.isoformat() if one.told_at else None,
    }
    content = json.dumps(fields, indent=1, ensure_ascii=False) + "\n"
    write_durably(_path(home, one.alert.cause), content.encode())


def _read(path: Path) -> OpenAlert | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        alert = Alert(**{**fields["alert"], "kind": Kind(fields["alert"]["kind"])})
        told_at = fields["told_at"]
        since = datetime.fromisoformat(fields["since"])
        return OpenAlert(alert, since, datetime.fromisoformat(told_at) if told_at else None)
    except FileNotFoundError:
        return None  # another process has just found it resolved
    except (ValueError, TypeError, KeyError) as error:  # damaged: what it was of is told again if it is there
        logger.warning("The alert in %s cannot be read, and counts as never told: %s", path, error)
        return None
