"""Quarantine with a way back: what is listed, corrected, released and discarded."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ingestion.archive import Format, Origin, Receipt, new_receipt, receipts, store_chunks, write_receipt
from ingestion.errors import QuarantineError
from ingestion.load import load_pending
from ingestion.loads import Verdict, read_loads
from ingestion.release import corrections, discard, release, write_corrections
from ingestion.settings import Home
from ingestion.waiting import find, open_items, open_rows
from tests._support.loading import (
    WATCHED,
    Ticking,
    csv_text,
    drop,
    drop_case,
    entries,
    files,
    lake_rows,
    load_tables,
    receive_and_load,
)

TABLE = "chart_entries"
BROKEN = ({"rank": "1"}, {"rank": "0"}, {"rank": "two", "app_name": "=cmd()"})
"""Rows of which the second and third break a rule."""


def dropped(home: Home, *changes: dict[str, str], name: str = f"{TABLE}__vendor.csv") -> str:
    """Drops and loads a file; gives the load."""
    drop(home, name, entries(*changes))
    (result,) = receive_and_load(home, TABLE, clock=Ticking())
    return result.record.load_id


def edited(home: Home, load_id: str, to: Path, **values: str) -> Path:
    """The file of corrections of a load, with `values` in every row."""
    write_corrections(home, load_id, to)
    with to.open(newline="") as file:
        rows = list(csv.DictReader(file))
    to.write_text(csv_text([{**row, **values} for row in rows]))
    return to


def ranks(home: Home) -> list[tuple[object, ...]]:
    return lake_rows(home, TABLE, "source, provenance, rank, app_name, day")


def test_what_is_open_is_listed_with_its_reasons(home: Home) -> None:
    load_id = dropped(home, *BROKEN)
    (item,) = open_items(home)
    assert (item.load_id, item.table_name, item.is_batch, item.rows) == (load_id, TABLE, False, 2)
    assert len(item.reasons) == 2
    assert [row.row_number for row in open_rows(home, item)] == [2, 3]


def test_a_corrected_row_is_released_like_any_load(home: Home, tmp_path: Path) -> None:
    load_id = dropped(home, *BROKEN)
    before = files(home.quarantine)
    file = edited(home, load_id, tmp_path / "mend.csv", rank="7")

    receipt = release(home, load_id, Ticking(), rows=[3], corrected=file)
    (result,) = load_tables(home, [TABLE])

    assert receipt.releases == load_id
    assert result.record.verdict is Verdict.PUBLISHED
    assert (result.record.source, result.record.rows_in, result.record.rows_published) == ("released", 1, 1)
    assert ranks(home) == [
        ("import", "import", 1, "REDnote", date(2025, 1, 13)),
        ("released", "import", 7, "=cmd()", date(2025, 1, 13)),
    ]
    (item,) = open_items(home)
    assert (item.load_id, item.rows) == (load_id, 1)
    assert before.items() <= files(home.quarantine).items(), "nothing is deleted or changed"


def test_a_formula_is_disarmed_in_the_file_and_comes_back_as_it_was(home: Home, tmp_path: Path) -> None:
    load_id = dropped(home, *BROKEN)
    file = edited(home, load_id, tmp_path / "mend.csv", rank="7")
    assert "'=cmd()" in file.read_text()


def test_released_as_they_are_rows_that_still_fail_are_open_under_the_release(home: Home) -> None:
    load_id = dropped(home, *BROKEN)
    receipt = release(home, load_id, Ticking())
    (result,) = load_tables(home, [TABLE])
    assert result.record.verdict is Verdict.HELD
    assert result.record.rows_in == result.record.rows_quarantined == 2
    (item,) = open_items(home)
    assert (item.load_id, item.is_batch, item.rows) == (receipt.load_id, False, 2)
    assert [row.row_number for row in open_rows(home, item)] == [2, 3]
    with pytest.raises(QuarantineError, match=f"it was released as load {receipt.load_id}"):
        find(home, load_id)


def test_a_release_of_a_release_ends_in_the_lake(home: Home, tmp_path: Path) -> None:
    first = release(home, dropped(home, *BROKEN), Ticking())
    load_tables(home, [TABLE])
    file = edited(home, first.load_id, tmp_path / "mend.csv", rank="9", capture_id="c9")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:2]))
    release(home, first.load_id, Ticking(), corrected=file)
    load_tables(home, [TABLE])
    assert ("released", "import", 9, "REDnote", date(2025, 1, 13)) in ranks(home)
    assert [item.rows for item in open_items(home)] == [1]


def test_a_release_asked_for_twice_is_one(home: Home, tmp_path: Path) -> None:
    load_id = dropped(home, *BROKEN)
    file = edited(home, load_id, tmp_path / "mend.csv", rank="7")
    first = release(home, load_id, Ticking(), rows=[3], corrected=file)
    assert release(home, load_id, Ticking(), rows=[3], corrected=file).load_id == first.load_id
    assert len(load_tables(home, [TABLE])) == 1
    assert release(home, load_id, Ticking(), rows=[3], corrected=file).load_id == first.load_id
    assert load_tables(home, [TABLE]) == []


@pytest.mark.parametrize("killed_after", ["started", "quarantined", "partition_written", "ledger_written"])
def test_a_release_that_is_killed_half_way_is_healed(home: Home, tmp_path: Path, killed_after: str) -> None:
    class KilledError(BaseException):
        """As good as SIGKILL: nothing of ours catches it."""

    def kill(step: str) -> None:
        if step == killed_after:
            raise KilledError

    load_id = dropped(home, *BROKEN)
    file = edited(home, load_id, tmp_path / "mend.csv", rank="7")
    release(home, load_id, Ticking(), rows=[3], corrected=file)
    with pytest.raises(KilledError):
        load_pending(home, TABLE, WATCHED, Ticking(), kill)
    (result,) = load_tables(home, [TABLE])
    assert result.record.verdict is Verdict.PUBLISHED
    assert [row for row in ranks(home) if row[0] == "released"] == [
        ("released", "import", 7, "=cmd()", date(2025, 1, 13))
    ]
    assert len([record for record in read_loads(home) if record.source == "released"]) == 1


def test_rows_of_a_case_survive_its_next_load_and_do_not_come_back(home: Home, tmp_path: Path) -> None:
    drop_case(home, "autumn", {TABLE: entries(*BROKEN, {"rank": "4"})})
    receive_and_load(home, TABLE, clock=Ticking())
    (item,) = open_items(home)
    file = edited(home, item.load_id, tmp_path / "mend.csv", rank="7")
    release(home, item.load_id, Ticking(), rows=[2], corrected=file)
    discard(home, item.load_id, Ticking(), reason="a heading", rows=[3])
    load_tables(home, [TABLE])
    assert open_items(home) == []

    drop_case(home, "autumn", {TABLE: entries(*BROKEN, {"rank": "4"}, {"rank": "5"})})
    receive_and_load(home, TABLE, clock=Ticking())

    assert [(row[0], row[1], row[2]) for row in ranks(home)] == [
        ("case_autumn", "case:autumn", 1),
        ("case_autumn", "case:autumn", 4),
        ("case_autumn", "case:autumn", 5),
        ("released", "case:autumn", 7),
    ]
    assert open_items(home) == []


def test_rows_keep_the_moment_at_which_they_were_seen(home: Home, tmp_path: Path) -> None:
    drop_case(home, "autumn", {TABLE: entries(*BROKEN, {"rank": "4"})})
    receive_and_load(home, TABLE, clock=Ticking())
    (item,) = open_items(home)
    release(
        home,
        item.load_id,
        Ticking(),
        rows=[2],
        corrected=edited(home, item.load_id, tmp_path / "m.csv", rank="7"),
    )
    load_tables(home, [TABLE])
    assert {row[0] for row in ranks(home)} == {"case_autumn", "released"}
    seen = lake_rows(home, TABLE, "DISTINCT observed_at")
    assert [str(moment) for (moment,) in seen] == ["2026-11-01 00:00:00"]


def test_a_corrected_batch_of_a_case_takes_the_place_of_the_held_one(home: Home, tmp_path: Path) -> None:
    drop_case(home, "autumn", {TABLE: entries({"rank": "1"}, {"rank": "2"})})
    receive_and_load(home, TABLE, clock=Ticking())
    drop_case(home, "autumn", {TABLE: entries({"rank": "3"}).replace("rank", "position", 1)})
    receive_and_load(home, TABLE, clock=Ticking())
    (item,) = open_items(home)
    assert item.is_batch

    file = tmp_path / "batch.csv"
    write_corrections(home, item.load_id, file)
    file.write_text(file.read_text().replace("position", "rank", 1))
    receipt = release(home, item.load_id, Ticking(), corrected=file)
    (result,) = load_tables(home, [TABLE])

    assert receipt.source == "case_autumn"
    assert result.record.verdict is Verdict.PUBLISHED
    assert [row[:3] for row in ranks(home)] == [("case_autumn", "case:autumn", 3)]
    assert open_items(home) == []


def test_a_held_batch_of_an_import_is_released_once_the_watchlist_knows_it(home: Home) -> None:
    load_id = dropped(home, {"platform_id": "clapper"})
    (item,) = open_items(home)
    assert item.is_batch
    release(home, load_id, Ticking())
    knows = replace(WATCHED, platforms=WATCHED.platforms | {"clapper"})
    results = load_tables(home, [TABLE], watched=knows)
    assert {result.record.verdict for result in results} == {Verdict.PUBLISHED}
    assert {row[0] for row in ranks(home)} == {"import", "released"}
    assert open_items(home) == []


def upstream_day(home: Home, content: str, minute: int) -> Receipt:
    """A day of an upstream, received; its bytes are a file of rows, which is enough for where they land."""
    origin = Origin("apple", "live")
    digest = store_chunks(home, [content.encode()]).digest
    clock = Ticking()
    clock.moment = clock.moment.replace(minute=minute)
    receipt = new_receipt(
        origin,
        TABLE,
        digest,
        file_name="apple 2025-01-14",
        format=Format.CSV,
        now=clock(),
        day=date(2025, 1, 14),
    )
    write_receipt(home, receipt)
    return receipt


def test_a_row_of_a_day_of_an_upstream_goes_to_that_day_and_stays(home: Home, tmp_path: Path) -> None:
    first = upstream_day(home, entries({"rank": "1"}, {"rank": "2"}, {"rank": "0"}), 1)
    load_tables(home, [TABLE])
    file = edited(home, first.load_id, tmp_path / "mend.csv", rank="3")
    release(home, first.load_id, Ticking(), corrected=file)
    load_tables(home, [TABLE])
    second = upstream_day(home, entries({"rank": "1"}, {"rank": "0"}, {"rank": "4"}), 2)
    load_tables(home, [TABLE])

    assert [(row[0], row[1], row[2], row[4]) for row in ranks(home)] == [
        ("apple", "live", 1, date(2025, 1, 14)),
        ("apple", "live", 4, date(2025, 1, 14)),
        ("released", "live", 3, date(2025, 1, 14)),
    ]
    assert open_items(home) == [], "the row that was released is no news when it comes again"
    assert {r.load_id for r in receipts(home, TABLE) if r.source == "apple"} == {second.load_id}


def test_the_good_rows_of_a_day_that_is_held_can_be_let_in(home: Home) -> None:
    held = upstream_day(home, entries({"rank": "1"}, {"rank": "0"}, {"rank": "-1"}), 1)
    load_tables(home, [TABLE])
    (item,) = open_items(home)
    assert item.is_batch
    receipt = release(home, held.load_id, Ticking())
    (result,) = load_tables(home, [TABLE])
    assert result.record.verdict is Verdict.PUBLISHED_WITH_QUARANTINE
    assert [row[:3] for row in ranks(home)] == [("released", "live", 1)]
    assert [(i.load_id, i.rows) for i in open_items(home)] == [(receipt.load_id, 2)]


def test_what_was_discarded_needs_a_reason_and_stays_where_it_is(home: Home) -> None:
    load_id = dropped(home, *BROKEN)
    before = files(home.quarantine)
    with pytest.raises(QuarantineError, match="needs a reason"):
        discard(home, load_id, Ticking(), reason=" ")
    assert discard(home, load_id, Ticking(), reason="a test of the vendor") == 2
    assert open_items(home) == []
    assert before.items() <= files(home.quarantine).items()
    with pytest.raises(QuarantineError, match=r"it was discarded on 2026-11-20 \(a test of the vendor\)"):
        find(home, load_id)


def test_a_row_that_fits_no_columns_is_shown_as_it_was_given(home: Home, tmp_path: Path) -> None:
    drop(home, f"{TABLE}__vendor.csv", entries({"rank": "1"}, {"rank": "2"}) + "c1,too,short\n")
    (result,) = receive_and_load(home, TABLE, clock=Ticking())
    (item,) = open_items(home)
    names, (record,) = corrections(home, item)
    assert names[:3] == ["row_number", "reasons", "given"]
    assert json.loads(str(record["given"])) == ["c1", "too", "short"]
    file = edited(
        home, item.load_id, tmp_path / "m.csv", capture_id="c1", store="app_store", country="US",
        chart="top_free_overall", store_date="2025-01-13", rank="3", app_name="Clapper",
    )  # fmt: skip
    release(home, result.record.load_id, Ticking(), corrected=file)
    load_tables(home, [TABLE])
    assert ("released", "import", 3, "Clapper", date(2025, 1, 13)) in ranks(home)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("row_number,rank\n9,1\n", "rows are not open: 9"),
        ("row_number,rank\n2,1\n2,1\n", "has row 2 twice"),
        ("rank\n1\n", "has no column row_number"),
        ("row_number,rang\n2,1\n", "has columns that are unknown: rang"),
        ("row_number,rank\nx,1\n", "has 'x' for a row_number"),
        ("row_number,rank\n", "the file has no row"),
    ],
)
def test_a_file_of_corrections_that_makes_no_sense_releases_nothing(
    home: Home, tmp_path: Path, content: str, told: str
) -> None:
    load_id = dropped(home, *BROKEN)
    file = tmp_path / "mend.csv"
    file.write_text(content)
    with pytest.raises(QuarantineError, match=told):
        release(home, load_id, Ticking(), corrected=file)
    assert [item.rows for item in open_items(home)] == [2]


@pytest.mark.parametrize("load_id", ["", "0" * 16, "../../etc/passwd", "*"])
def test_a_load_that_is_none_is_told(home: Home, load_id: str) -> None:
    dropped(home, *BROKEN)
    with pytest.raises(QuarantineError, match="has left anything there"):
        release(home, load_id, Ticking())
