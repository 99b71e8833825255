"""Reads `case.yaml`, which says what a folder of files is about and when its facts were gathered."""

from __future__ import annotations

import re
from datetime import datetime

import yaml

from ingestion.archive import Origin
from ingestion.effects import in_utc
from ingestion.errors import RejectedFileError

MAX_BYTES = 64 * 1024
CASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


def case_origin(content: bytes, file_name: str) -> Origin:
    """Source, provenance and default `observed_at` of a case. Raises `RejectedFileError`."""
    if len(content) > MAX_BYTES:
        raise _wrong(file_name, f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        described = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(file_name, f"is not readable as YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(described, dict):
        raise _wrong(file_name, "holds no keys")
    name, observed_at = described.get("name"), described.get("observed_at")
    if not isinstance(name, str) or not CASE_NAME.fullmatch(name):
        raise _wrong(file_name, "has no `name` of small letters, digits and _")
    try:
        moment = (
            observed_at if isinstance(observed_at, datetime) else datetime.fromisoformat(str(observed_at))
        )
        seen_at = in_utc(moment)
    except ValueError as error:
        raise _wrong(file_name, "has no `observed_at` that is an instant with its zone") from error
    return Origin(source=f"case_{name}", provenance=f"case:{name}", observed_at=seen_at)


def _wrong(file_name: str, problem: str) -> RejectedFileError:
    return RejectedFileError(
        problem,
        source=file_name,
        remedy='Give at least `name: my_case` and `observed_at: "2025-03-01T00:00:00Z"`.',
    )
