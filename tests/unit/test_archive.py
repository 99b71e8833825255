"""The content-addressed store and its receipts."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from ingestion import archive
from ingestion.archive import (
    Format,
    Origin,
    Receipt,
    ReceiptState,
    load_id_of,
    new_receipt,
    object_path,
    receipts,
    remove_abandoned,
    set_state,
    store,
    write_receipt,
)
from ingestion.case import case_origin
from ingestion.errors import RejectedFileError
from ingestion.settings import Home

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CASE = Origin("case_x", "case:x", datetime(2026, 1, 1, tzinfo=UTC))


def receipt(name: str = "a.csv", now: datetime = NOW, origin: Origin = CASE) -> Receipt:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return new_receipt(origin, "fx_rates", digest, file_name=name, format=Format.CSV, now=now)


def test_an_object_is_named_by_its_content_and_stored_once(home: Home) -> None:
    content = b"received " * 200_000
    first = store(home, io.BytesIO(content), "a.csv")
    path = object_path(home, first.digest)
    stamp = path.stat()
    assert store(home, io.BytesIO(content), "b.csv") == first
    assert first.digest == hashlib.sha256(content).hexdigest()
    assert first.size == len(content)
    assert path == home.archive / "objects" / first.digest[:2] / first.digest
    assert path.read_bytes() == content
    assert path.stat().st_ino == stamp.st_ino, "it is kept, and young again"
    assert list((home.archive / "incoming").iterdir()) == []


def test_a_file_over_the_limit_leaves_nothing_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1024 * 1024)
    with pytest.raises(RejectedFileError, match="larger than 1 MiB"):
        store(home, io.BytesIO(b"x" * (1024 * 1024 + 1)), "a.csv")
    assert [path for path in home.archive.rglob("*") if path.is_file()] == []


def test_what_a_killed_process_left_is_removed_after_a_day(home: Home) -> None:
    left = home.archive / "incoming" / "1-abc"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    changed = datetime.fromtimestamp(left.stat().st_mtime, UTC)
    remove_abandoned(home, changed + timedelta(hours=1))
    assert left.exists()
    remove_abandoned(home, changed + timedelta(days=2))
    assert not left.exists()


def test_receipts_come_back_as_they_were_in_the_order_received(home: Home) -> None:
    second, first = receipt("b.csv", NOW + timedelta(seconds=1)), receipt("a.csv")
    for each in (second, first):
        write_receipt(home, each)
    assert receipts(home, "fx_rates") == [first, second]
    done = set_state(home, replace(first, verdict="published", rows_published=3), ReceiptState.DONE)
    assert receipts(home, "fx_rates") == [done, second]
    assert receipts(home, "articles") == []


def test_a_load_is_named_by_what_came_when_for_which_table() -> None:
    eastern = NOW.astimezone(timezone(timedelta(hours=-5)))
    name = load_id_of("import", "fx_rates", "abc", NOW)
    assert name == load_id_of("import", "fx_rates", "abc", eastern)
    others = {
        load_id_of("case_x", "fx_rates", "abc", NOW),
        load_id_of("import", "articles", "abc", NOW),
        load_id_of("import", "fx_rates", "abd", NOW),
        load_id_of("import", "fx_rates", "abc", NOW + timedelta(microseconds=1)),
    }
    assert len(others | {name}) == 5


def test_rows_are_seen_when_the_case_says_else_when_received() -> None:
    assert receipt().observed_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert receipt(origin=Origin("import", "import")).observed_at == NOW


def test_a_case_file_says_source_and_moment() -> None:
    content = b"name: my_case\nobserved_at: 2026-11-01T02:00:00+02:00\n"
    assert case_origin(content, "case.yaml") == Origin(
        "case_my_case", "case:my_case", datetime(2026, 11, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- a list",
        b"name: [",
        b"name: ../../x\nobserved_at: 2026-11-01T00:00:00Z",
        b"name: My Case\nobserved_at: 2026-11-01T00:00:00Z",
        b"name: 5\nobserved_at: 2026-11-01T00:00:00Z",
        b"name: x",
        b"name: x\nobserved_at: 2026-11-01",
        b"name: x\nobserved_at: 2026-11-01T00:00:00",
        b"name: x\nobserved_at: 2026-13-01T00:00:00Z",
        b"name: x\nobserved_at: [1]",
        b"\xff\xfe\xff",
        b"a: " + b"[" * 10_000,
        b"#" * 70_000,
    ],
)
def test_a_case_file_that_does_not_say_it_is_refused(content: bytes) -> None:
    with pytest.raises(RejectedFileError):
        case_origin(content, "case.yaml")


def test_objects_cannot_be_written_to(home: Home) -> None:
    stored = store(home, io.BytesIO(b"x"), "a.csv")
    mode = Path(object_path(home, stored.digest)).stat().st_mode
    assert mode & 0o222 == 0
