"""Receiving: what is taken and removed, what waits, what is rejected, and that nothing is lost."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from ingestion.archive import Receipt, Stored, object_path, receipts, store
from ingestion.errors import RejectedFileError
from ingestion.inbox import pending, receive_inbox, receive_path, receive_watchlist, rejections
from ingestion.settings import WATCHLIST, Home
from ingestion.tables import WATCHLIST_TABLES
from tests._support.loading import NOON, RATE, Ticking, csv_text, drop, drop_case, entries, files, standing

RATES = csv_text([RATE])


def names(received: list[Receipt]) -> list[tuple[str, str, str]]:
    return [(receipt.source, receipt.table_name, receipt.file_name) for receipt in received]


def inbox_names(home: Home) -> list[str]:
    return sorted(path.name for path in home.inbox.iterdir())


def rejected(home: Home) -> dict[str, str]:
    return {record.file_name: str(record.reason) for record in rejections(home, NOON)}


def test_a_file_is_archived_receipted_and_removed(home: Home) -> None:
    drop(home, "fx_rates__today.csv", RATES)
    (receipt,) = receive_inbox(home, standing)
    assert (receipt.source, receipt.provenance, receipt.received_at) == ("import", "import", NOON)
    assert object_path(home, receipt.digest).read_text() == RATES
    assert pending(home, "fx_rates") == [receipt]
    assert inbox_names(home) == []


def test_an_empty_or_missing_inbox_gives_nothing(home: Home) -> None:
    assert receive_inbox(home, standing) == []


def test_files_of_a_sub_folder_are_taken_and_the_folder_with_them(home: Home) -> None:
    drop(home, "vendor/fx_rates.csv", RATES)
    drop(home, "vendor/charts.csv", "x")
    drop(home, "empty/.keep", "")
    assert names(receive_inbox(home, standing)) == [("import", "fx_rates", "fx_rates.csv")]
    assert inbox_names(home) == ["empty"]
    assert list(rejected(home)) == ["charts.csv"]


def test_a_case_folder_is_taken_as_a_whole(home: Home) -> None:
    drop_case(home, "my_case", {"fx_rates": RATES, "chart_entries": entries({})})
    drop(home, "my_case/README.md", "what it is about")
    drop(home, "my_case/.DS_Store", "junk")
    received = receive_inbox(home, standing)
    assert names(received) == [
        ("case_my_case", "chart_entries", "chart_entries.csv"),
        ("case_my_case", "fx_rates", "fx_rates.csv"),
    ]
    assert {r.observed_at for r in received} == {datetime(2026, 11, 1, tzinfo=UTC)}
    assert {r.provenance for r in received} == {"case:my_case"}
    assert inbox_names(home) == []


@pytest.mark.parametrize("unfinished", ["articles.csv.part", ".articles.csv.Xy12"])
def test_a_case_folder_waits_until_it_is_complete(home: Home, unfinished: str) -> None:
    case = drop_case(home, "my_case", {})
    assert receive_inbox(home, standing) == []  # no table yet
    drop(home, "my_case/fx_rates.csv", RATES)
    drop(home, f"my_case/{unfinished}", "half")
    assert receive_inbox(home, standing) == []
    assert (case / "fx_rates.csv").exists()
    (case / unfinished).unlink()
    assert len(receive_inbox(home, standing)) == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("case.yaml", "name: ../up\nobserved_at: 2026-11-01T00:00:00Z", "has no `name`"),
        ("charts.csv", "x", "names no raw table"),
        ("fx_rates__more.csv", RATES, "is a second file for fx_rates"),
        ("watch_apps.csv", "x", "comes from the watchlist alone"),
    ],
)
def test_a_case_that_is_wrong_is_rejected_as_a_whole(
    home: Home, name: str, content: str, problem: str
) -> None:
    drop_case(home, "my_case", {"fx_rates": RATES})
    drop(home, f"my_case/{name}", content)
    drop(home, "fx_rates__good.csv", RATES)
    assert names(receive_inbox(home, standing)) == [("import", "fx_rates", "fx_rates__good.csv")]
    assert problem in rejected(home)["my_case"]
    assert inbox_names(home) == [".rejected"]
    (moved,) = (home.inbox / ".rejected").iterdir()
    assert (moved / "fx_rates.csv").read_text() == RATES
    assert receive_inbox(home, standing) == []


# --- the same again -------------------------------------------------------------------------------


def test_the_same_content_is_received_once_however_it_is_called(home: Home) -> None:
    clock = Ticking()
    drop(home, "fx_rates.csv", RATES)
    first = receive_inbox(home, clock)
    drop(home, "fx_rates__again.csv", RATES)
    assert receive_inbox(home, clock) == []
    assert inbox_names(home) == []
    assert receipts(home, "fx_rates") == first


def test_a_case_is_received_again_only_if_it_or_its_moment_changed(home: Home) -> None:
    clock = Ticking()
    drop_case(home, "my_case", {"fx_rates": RATES})
    assert len(receive_inbox(home, clock)) == 1
    drop_case(home, "my_case", {"fx_rates": RATES})
    assert receive_inbox(home, clock) == []
    case = drop_case(home, "my_case", {"fx_rates": RATES})
    (case / "case.yaml").write_text("name: my_case\nobserved_at: 2026-11-02T00:00:00Z\n")
    assert len(receive_inbox(home, clock)) == 1
    drop_case(home, "my_case", {"fx_rates": RATES})  # back to what it was before: that is new, too
    assert len(receive_inbox(home, clock)) == 1


def test_the_watchlist_gives_a_receipt_a_table_when_it_changes(home: Home, tmp_path: Path) -> None:
    clock = Ticking()
    path = tmp_path / "watchlist.yaml"
    path.write_bytes(WATCHLIST.read_bytes())
    assert [r.table_name for r in receive_watchlist(home, path, clock)] == list(WATCHLIST_TABLES)
    assert receive_watchlist(home, path, clock) == []
    path.write_bytes(WATCHLIST.read_bytes() + b"\n# edited\n")
    assert len(receive_watchlist(home, path, clock)) == len(WATCHLIST_TABLES)


# --- who is still writing -------------------------------------------------------------------------


def test_a_file_that_is_open_for_writing_is_left_for_the_next_time(home: Home) -> None:
    drop(home, "articles.csv.crdownload", "half")
    path = drop(home, "fx_rates.csv", RATES)
    with path.open("a") as writer:
        taken = receive_inbox(home, standing)
        writer.write("ecb,EUR,GBP,2025-01-13,0.84\n")
    assert taken == []
    assert rejected(home) == {}
    (receipt,) = receive_inbox(home, standing)
    assert object_path(home, receipt.digest).read_text().endswith("0.84\n")
    assert inbox_names(home) == ["articles.csv.crdownload"]


def test_where_the_system_does_not_tell_a_fresh_file_waits_a_second(home: Home) -> None:
    path = drop(home, "fx_rates.csv", RATES)
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def receive(after: float) -> list[Receipt]:
        return receive_inbox(
            home, lambda: changed + timedelta(seconds=after), still_written=lambda descriptor: None
        )

    assert receive(0.5) == []
    assert len(receive(1.5)) == 1


def test_a_file_that_changes_while_it_is_copied_is_left(home: Home) -> None:
    path = drop(home, "fx_rates.csv", RATES)

    def append(descriptor: int) -> bool:
        with path.open("a") as writer:
            writer.write("ecb,EUR,GBP,2025-01-13,0.84\n")
        return False

    assert receive_inbox(home, standing, still_written=append) == []
    assert path.exists()
    assert len(receive_inbox(home, standing)) == 1


def test_a_new_file_under_the_name_of_one_that_is_being_taken_stays(home: Home) -> None:
    path = drop(home, "fx_rates.csv", RATES)

    def overwrite(step: str) -> None:
        if step == "received":
            path.unlink()
            path.write_text(RATES + "ecb,EUR,GBP,2025-01-13,0.84\n")

    assert len(receive_inbox(home, standing, step=overwrite)) == 1
    assert len(receive_inbox(home, standing)) == 1
    assert inbox_names(home) == []


# --- strangers ------------------------------------------------------------------------------------


def test_links_are_never_followed_and_are_moved_away(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "fx_rates.csv").write_text(RATES)
    home.inbox.mkdir(parents=True)
    (home.inbox / "fx_rates__link.csv").symlink_to(outside / "fx_rates.csv")
    (home.inbox / "folder").symlink_to(outside)
    (home.inbox / "articles.csv").symlink_to("/nowhere")
    drop_case(home, "my_case", {"fx_rates": RATES})
    (home.inbox / "my_case" / "articles.csv").symlink_to(outside / "fx_rates.csv")
    assert receive_inbox(home, standing) == []
    assert sorted(rejected(home)) == ["articles.csv", "folder", "fx_rates__link.csv", "my_case"]
    assert all("symbolic link" in reason for reason in rejected(home).values())
    assert files(outside) == {"fx_rates.csv": RATES.encode()}
    assert inbox_names(home) == [".rejected"]
    assert files(home.archive / "objects").keys() == {
        f"{digest[:2]}/{digest}" for digest in _archived(home)
    }  # only files of the case itself were copied
    assert all("EUR" not in p.name for p in (home.inbox / ".rejected").iterdir())


def _archived(home: Home) -> list[str]:
    return [path.name for path in (home.archive / "objects").glob("*/*")]


def test_pipes_and_nested_folders_are_moved_away(home: Home) -> None:
    home.inbox.mkdir(parents=True)
    os.mkfifo(home.inbox / "fx_rates.csv")
    drop(home, "a/b/fx_rates.csv", RATES)
    drop(home, "fx_rates__good.csv", RATES)
    assert len(receive_inbox(home, standing)) == 1
    assert set(rejected(home)) == {"fx_rates.csv", "b"}
    assert inbox_names(home) == [".rejected"]


def test_a_file_that_the_disk_does_not_give_stays_and_does_not_stop_the_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home, "fx_rates__a.csv", RATES)
    drop(home, "fx_rates__b.csv", RATES + "ecb,EUR,GBP,2025-01-13,0.84\n")

    def broken_disk(home: Home, stream: BinaryIO, file_name: str) -> Stored:
        if file_name.endswith("a.csv"):
            raise OSError(errno.EIO, "Input/output error")
        return store(home, stream, file_name)

    monkeypatch.setattr("ingestion.inbox.store", broken_disk)
    assert [name for *_, name in names(receive_inbox(home, standing))] == ["fx_rates__b.csv"]
    assert "Input/output error" in rejected(home)["fx_rates__a.csv"]
    monkeypatch.undo()
    assert [name for *_, name in names(receive_inbox(home, standing))] == ["fx_rates__a.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc%2fpasswd.csv",
        "..\\..\\fx_rates.csv",
        "fx_rates__\x1b[31m.csv",
        "-fx_rates.csv",
        os.fsdecode(b"fx_rates__\xff.csv"),
        "fx_rates__" + "x" * 200 + ".csv",
    ],
)
def test_a_hostile_name_is_recorded_and_its_bytes_kept(home: Home, name: str) -> None:
    drop(home, name, RATES)
    assert receive_inbox(home, standing) == []
    (record,) = rejections(home, NOON)
    assert (record.verdict, record.table_name) == ("failed", "unknown")
    assert "name that is not taken" in str(record.reason)
    assert record.file_name.isprintable()
    assert object_path(home, str(record.digest)).read_text() == RATES
    assert inbox_names(home) == []


def test_a_rejected_file_is_recorded_once_a_day(home: Home) -> None:
    for _ in range(2):
        drop(home, "charts.csv", "x")
        receive_inbox(home, standing)
    assert len(rejections(home, NOON)) == 1
    assert rejections(home, NOON + timedelta(seconds=1)) == []


# --- a path that somebody names -------------------------------------------------------------------


def test_a_named_file_is_received_and_stays(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "fx_rates.csv"
    path.write_text(RATES)
    link = tmp_path / "fx_rates__link.csv"
    link.symlink_to(path)  # what somebody names is followed
    assert len(receive_path(home, link, standing)) == 1
    assert path.read_text() == RATES
    assert link.is_symlink()


def test_a_named_folder_gives_its_tables_and_records_the_rest(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    (folder / "deeper").mkdir(parents=True)
    for name in ("fx_rates.csv", "charts.csv", "README.md"):
        (folder / name).write_text(RATES)
    assert names(receive_path(home, folder, standing)) == [("import", "fx_rates", "fx_rates.csv")]
    assert sorted(rejected(home)) == ["charts.csv", "deeper"]
    assert len(list(folder.iterdir())) == 4


def test_a_named_case_folder_is_received_and_stays(home: Home) -> None:
    case = drop_case(home, "my_case", {"fx_rates": RATES})
    before = files(case)
    assert len(receive_path(home, case, standing)) == 1
    assert receive_path(home, case, standing) == []
    assert files(case) == before


def test_what_cannot_be_taken_is_told_to_who_named_it(home: Home, tmp_path: Path) -> None:
    with pytest.raises(RejectedFileError, match="is not there"):
        receive_path(home, tmp_path / "fx_rates.csv", standing)
    (tmp_path / "charts.csv").write_text("x")
    with pytest.raises(RejectedFileError, match="names no raw table"):
        receive_path(home, tmp_path / "charts.csv", standing)
    assert list(rejected(home)) == ["charts.csv"]
    case = drop_case(home, "my_case", {"fx_rates": RATES, "charts": "x"})
    with pytest.raises(RejectedFileError, match="names no raw table"):
        receive_path(home, case, standing)
    path = tmp_path / "fx_rates.csv"
    with path.open("w"), pytest.raises(RejectedFileError, match="still being written"):
        receive_path(home, path, standing)
    with pytest.raises(RejectedFileError, match="is not there"):
        receive_watchlist(home, tmp_path / "watchlist.yaml", standing)
