"""`observatory quarantine`: from a file that breaks a rule to the mart, as a person does it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingestion.settings import Home
from ingestion.waiting import open_items
from orchestration.cli import app
from tests._support.loading import VENDOR, csv_text, drop, receive_and_load

NOT_WATCHED = {**VENDOR, "statement_id": "V2", "platform_id": "rednote"}
NO_NUMBER = {**VENDOR, "statement_id": "V3", "value": "many"}


@pytest.fixture
def observatory(loaded: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OBSERVATORY_HOME", str(loaded.root))
    return loaded


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_way_back(observatory: Home, tmp_path: Path) -> None:
    assert command("quarantine", "list").stdout == "Nothing waits in quarantine.\n"
    drop(observatory, "published_metrics__vendor.csv", csv_text([VENDOR, NOT_WATCHED, NO_NUMBER]))
    assert command("run").exit_code == 3

    (item,) = json.loads(command("quarantine", "list", "--format", "json").stdout)
    assert (item["table"], item["what"], item["rows"]) == ("published_metrics", "rows", 2)
    load = item["load"]
    assert "platform_id is not on the watchlist" in command("quarantine", "show", load).stdout
    rows = list(csv.DictReader(io.StringIO(command("quarantine", "show", load, "--format", "csv").stdout)))
    assert [(row["row_number"], row["value"]) for row in rows] == [("2", "2000000"), ("3", "many")]

    file = tmp_path / "mend.csv"
    assert command("quarantine", "correct", load, "--to", str(file)).exit_code == 0
    file.write_text(file.read_text().replace("rednote", "xiaohongshu"))
    released = command("quarantine", "release", load, "--rows", "2", "--file", str(file))
    assert released.exit_code == 0, released.output
    told = command(
        "sql",
        "select platform_id from marts.fct_published_metrics where statement_id = 'V2'",
        "--format",
        "csv",
    )
    assert told.stdout == "platform_id\nxiaohongshu\n"

    assert command("quarantine", "discard", load, "--reason", "no figure").exit_code == 0
    assert command("quarantine", "list").stdout == "Nothing waits in quarantine.\n"
    refused = command("quarantine", "release", load)
    assert refused.exit_code == 1
    assert "nothing of it is open any more" in refused.stderr


@pytest.mark.parametrize("rows", ["two", "9-7", "1,9-7", ",", " "])
@pytest.mark.parametrize(
    "act", [["release"], ["discard", "--reason", "no figure"]], ids=["release", "discard"]
)
def test_row_numbers_that_are_none_are_wrong_usage(
    home: Home, monkeypatch: pytest.MonkeyPatch, act: list[str], rows: str
) -> None:
    """No number at all would mean every row."""
    monkeypatch.setenv("OBSERVATORY_HOME", str(home.root))
    drop(home, "published_metrics__vendor.csv", csv_text([NOT_WATCHED, NO_NUMBER]))
    (result,) = receive_and_load(home, "published_metrics")
    refused = command("quarantine", *act, result.record.load_id, "--rows", rows)
    assert refused.exit_code == 2, refused.output
    (item,) = open_items(home)
    assert item.rows == 2


def test_corrections_to_a_folder_that_is_not_there(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OBSERVATORY_HOME", str(home.root))
    drop(home, "published_metrics__vendor.csv", csv_text([NOT_WATCHED]))
    (result,) = receive_and_load(home, "published_metrics")
    file = tmp_path / "nowhere" / "mend.csv"
    told = command("quarantine", "correct", result.record.load_id, "--to", str(file))
    assert told.exit_code == 1
    assert told.stderr.startswith(f"Error. {file}: No such file or directory.")
