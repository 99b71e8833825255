"""Answers made of bytes, for tests of what sources read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ingestion.source import Answer, Request

FETCHED_AT = datetime(2025, 1, 15, 12, 0, tzinfo=UTC)


def answer_of(
    request: Request,
    content: bytes,
    *,
    folder: Path,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    fetched_at: datetime = FETCHED_AT,
) -> Answer:
    """The answer to `request` whose body is `content`; the body is written below `folder`."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / digest
    path.write_bytes(content)
    return Answer(request, status, dict(headers or {}), digest, len(content), fetched_at, path)
