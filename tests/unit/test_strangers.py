"""Names and files of strangers: what is taken, ignored, refused, or still being written."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ingestion.archive import Format
from ingestion.errors import RejectedFileError
from ingestion.strangers import (
    check_name,
    held_open_for_writing,
    is_ignored,
    is_unfinished,
    open_file,
    open_folder,
    shown,
    table_and_format,
)


@pytest.mark.parametrize(
    ("name", "table", "format"),
    [
        ("chart_entries.csv", "chart_entries", Format.CSV),
        ("chart_entries__vendor export (2).CSV", "chart_entries", Format.CSV),
        ("Chart_Entries__2025-01-13.jsonl", "chart_entries", Format.JSON_LINES),
        ("fx_rates__a.b__c.ndjson", "fx_rates", Format.JSON_LINES),
        ("price_bars.Parquet", "price_bars", Format.PARQUET),
    ],
)
def test_a_file_name_says_its_table(name: str, table: str, format: Format) -> None:
    assert table_and_format(name) == (table, format)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("chart_entries.csv.gz", r"a kind that is not read \(\.gz\)"),
        ("chart_entries.json", r"a kind that is not read \(\.json\)"),
        ("chart_entries", "a kind that is not read"),
        ("charts.csv", "names no raw table"),
        ("chart_entries-copy.csv", "names no raw table"),
        ("watch_platforms.csv", "comes from the watchlist alone"),
        ("..%2f..%2fetc%2fpasswd.csv", "name that is not taken"),
        ("chart_entries__..\\..\\x.csv", "name that is not taken"),
        ("chart_entries__%2e%2e.csv", "name that is not taken"),
        ("chart_entries__a..csv", "name that is not taken"),
        ("-rf.csv", "name that is not taken"),
        ("chart_entries__a\nb.csv", "name that is not taken"),
        ("chart_entries__\u202evsc.csv", "name that is not taken"),
        ("chart_entries__" + "a" * 200 + ".csv", "name that is not taken"),
        ("", "name that is not taken"),
    ],
)
def test_other_names_are_refused_with_the_reason(name: str, problem: str) -> None:
    with pytest.raises(RejectedFileError, match=problem):
        table_and_format(name)


def test_hidden_and_unfinished_files_are_ignored_but_not_hostile_ones() -> None:
    assert all(is_ignored(name) for name in (".hidden", "a.csv.part", "a.crdownload", "a.TMP", "a.csv~"))
    assert not any(is_ignored(name) for name in ("a.csv", "..%2fa.csv", "..\\a.part", "...", ".a\nb"))


def test_what_waits_for_its_last_name_is_unfinished() -> None:
    assert all(is_unfinished(name) for name in ("a.csv.part", ".chart_entries.csv.Xy12", "x~"))
    assert not any(is_unfinished(name) for name in ("a.csv", ".DS_Store", "._a.csv", ".gitignore"))


def test_names_can_be_shown_whatever_their_bytes() -> None:
    assert shown(os.fsdecode(b"a\xff\x1b[31m\n")) == "a\\udcff\\x1b[31m\\x0a"
    assert len(shown("x" * 1000)) == 200


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, open_folder(tmp_path) as folder:
        listener.bind(str(tmp_path / "socket"))
        with open_file("file", folder) as file:
            assert file.read() == b"content"
        for name, problem in (
            ("link", "is a symbolic link"),
            ("folder", "is not a regular file"),
            ("pipe", "is not a regular file"),
            ("socket", "cannot be opened"),
        ):
            with pytest.raises(RejectedFileError, match=problem), open_file(name, folder):
                pass
        with pytest.raises(FileNotFoundError), open_file("gone", folder):
            pass


def test_a_folder_within_a_folder_is_not_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "link").symlink_to(tmp_path / "outside")
    with (
        open_folder(tmp_path / "inbox") as inbox,
        pytest.raises(RejectedFileError),
        open_folder("link", within=inbox),
    ):
        pass


def test_linux_says_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("w"):
        descriptor = os.open(path, os.O_RDONLY)
        answer = held_open_for_writing(descriptor)
    if answer is None:
        pytest.skip("this file system gives no leases")
    assert answer is True
    assert held_open_for_writing(descriptor) is False
    with path.open("a") as file:  # the lease was given back: nobody is kept waiting
        file.write("more")
    os.close(descriptor)


def test_check_name_takes_plain_names() -> None:
    check_name("january_2025")
