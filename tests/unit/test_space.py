"""What means a full disk, and when room becomes little."""

from __future__ import annotations

import errno
import sqlite3
from datetime import UTC, datetime

import duckdb
import pytest

from ingestion import space
from ingestion.alerts import Kind
from ingestion.errors import DiskFullError, ObservatoryError
from ingestion.health import health
from ingestion.health_page import page_of
from ingestion.limits import limits_from
from ingestion.settings import Home
from ingestion.space import LITTLE, MEBIBYTE, Room, full_disk_told, is_full, room
from orchestration.defs.alerts import health_alerts
from orchestration.doctor import Level, examine

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        duckdb.IOException('Could not write file "x.wal": No space left on device'),
        duckdb.OutOfMemoryException("failed to offload data block of size 256.0 KiB (1 GiB/1 GiB used)."),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_a_full_disk_is_told_whoever_noticed_it(home: Home, error: Exception) -> None:
    with pytest.raises(DiskFullError) as told, full_disk_told(home, "raw/articles", "2026-11-20"):
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("the step failed") from cause
    assert str(told.value).startswith("raw/articles (2026-11-20): the disk is full (")
    assert str(home.root) in str(told.value) and "Make space there" in str(told.value)


def test_other_errors_pass_as_they_are(home: Home) -> None:
    with pytest.raises(PermissionError), full_disk_told(home, "raw/articles"):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(DiskFullError, match="inbox: nothing fits"), full_disk_told(home, "raw/articles"):
        raise DiskFullError("nothing fits", source="inbox", remedy="Make space")


@pytest.mark.parametrize(("free", "full"), [(0, True), (MEBIBYTE, False)])
def test_sqlite_says_little_so_the_disk_is_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch, free: int, full: bool
) -> None:
    monkeypatch.setattr(space, "free_bytes", lambda folder: free)
    assert is_full(sqlite3.OperationalError("disk I/O error"), home) is full
    assert not is_full(ObservatoryError("is odd", source="x", remedy="Mend it"), home)


@pytest.mark.parametrize(
    ("free", "needed", "little", "too_little"),
    [
        (LITTLE, 0, False, False),
        (LITTLE - 1, 0, True, False),
        (256 * MEBIBYTE - 1, 0, True, True),
        (3 * LITTLE, LITTLE, False, False),
        (3 * LITTLE - 1, LITTLE, True, False),
        (LITTLE + 256 * MEBIBYTE - 1, LITTLE, True, True),
    ],
)
def test_room_is_measured_by_what_a_build_takes(
    free: int, needed: int, little: bool, too_little: bool
) -> None:
    now = Room(free, needed)
    assert (now.is_little, now.is_too_little) == (little, too_little)


def test_a_build_takes_what_the_last_one_left(home: Home) -> None:
    assert room(home).needed == 0
    version = home.published / "versions" / "one"
    version.mkdir(parents=True)
    (version / "observatory.duckdb").write_bytes(bytes(1000))
    (home.published / "current").symlink_to("versions/one")
    home.warehouse.write_bytes(bytes(5000))
    assert room(home).needed == 6000


def test_little_room_is_said_everywhere(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    monkeypatch.setattr(space, "free_bytes", lambda folder: 100 * MEBIBYTE)
    facts = health(home, NOON, limits_from({}))
    assert "100 MiB free" in page_of(facts, []) and "Make space" in page_of(facts, [])
    (disk,) = [one for one in examine(home, {}) if one.what == "disk"]
    assert disk.level is Level.FAIL and "100 MiB free" in disk.said and disk.remedy
    with dg.DagsterInstance.ephemeral() as instance:
        (alert,) = [one for one in health_alerts(facts, instance) if one.kind is Kind.SPACE]
    assert "100 MiB free" in alert.said
