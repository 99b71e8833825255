"""The command as a person uses it: what it prints, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ingestion.settings import Home
from orchestration.cli import EXIT_FAILED, EXIT_HELD_BACK, app


def observatory(home: Home, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("OBSERVATORY_HOME", str(home.root))
    return CliRunner().invoke(app, list(arguments))


def test_sql_prints_csv(case_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "select platform_id, name from marts.dim_platform where platform_id = 'xiaohongshu'"
    result = observatory(case_home, monkeypatch, "sql", query, "--format", "csv")
    assert result.exit_code == 0
    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["platform_id", "name"],
        ["xiaohongshu", "Xiaohongshu (RedNote)"],
    ]


def test_sql_prints_json_with_nulls(case_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "select date '2025-01-13' as day, null as nothing, '小红书 [red]' as name"
    result = observatory(case_home, monkeypatch, "sql", query, "--format", "json")
    assert json.loads(result.stdout) == [{"day": "2025-01-13", "nothing": None, "name": "小红书 [red]"}]


def test_sql_cannot_write_and_says_why(case_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    result = observatory(case_home, monkeypatch, "sql", "drop table marts.dim_event")
    assert result.exit_code == EXIT_FAILED
    assert "read-only" in result.output


@pytest.mark.parametrize("command", [["sql", "select 1"], ["status"]])
def test_before_the_first_run_it_says_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    result = observatory(home, monkeypatch, *command)
    assert "observatory demo" in result.output
    assert result.exit_code == (EXIT_FAILED if command[0] == "sql" else 0)


def test_status_names_the_last_load_of_each_table(case_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    result = observatory(case_home, monkeypatch, "status")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("chart_entries", "case_january_2025", "published"))


def test_import_of_what_is_not_there(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = observatory(home, monkeypatch, "import", str(tmp_path / "nowhere.csv"))
    assert result.exit_code == EXIT_FAILED
    assert "nowhere.csv" in result.output


def test_import_tells_what_it_kept_back(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "published_metrics__vendor.csv"
    header = (
        "statement_id,subject_type,subject_id,platform_id,metric,geography,observed_date,date_precision,"
        "value,value_bound,unit,provider\n"
    )
    good = "V1,platform,lemon8,lemon8,dau,US,2025-01-20,day,2000000,=,users,Example Vendor\n"
    unknown = "V2,platform,myspace,myspace,dau,US,2025-01-20,day,1,=,users,Example Vendor\n"
    file.write_text(header + good + unknown)
    result = observatory(loaded, monkeypatch, "import", str(file))
    assert result.exit_code == EXIT_HELD_BACK
    assert "published_with_quarantine" in "".join(result.stdout.split())
    query = "select platform_id from marts.fct_published_metrics where provider = 'Example Vendor'"
    shown = observatory(loaded, monkeypatch, "sql", query, "--format", "csv")
    assert shown.stdout.split() == ["platform_id", "lemon8"]


@pytest.mark.parametrize(("content", "starts"), [
    (b"Caf\xe9 on TikTok\n", ["8"]),
    ("\ufeffTikTok\nBluesky\n".encode(), ["0", "0"]),
])  # fmt: skip
def test_mentions_reads_what_is_not_plain_utf_8(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, starts: list[str]
) -> None:
    file = tmp_path / "headlines.txt"
    file.write_bytes(content)
    result = observatory(home, monkeypatch, "mentions", str(file))
    assert result.exit_code == 0
    assert [row["start"] for row in csv.DictReader(io.StringIO(result.stdout))] == starts
    assert ("headlines.txt: lines with characters that are not UTF-8" in result.stderr) is (
        b"\xe9" in content
    )


def test_wrong_usage(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert observatory(home, monkeypatch, "sql").exit_code == 2


def test_status_where_nothing_can_be_written_tells_all_the_same(
    loaded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write anywhere, so a file stands where the folder of the page belongs."""
    shutil.rmtree(loaded.health_page.parent, ignore_errors=True)
    loaded.health_page.parent.write_text("in the way")
    shutil.rmtree(loaded.locks)
    loaded.locks.write_text("in the way")
    result = observatory(loaded, monkeypatch, "status")
    assert result.exit_code == 0, result.output
    assert "The page could not be written" in result.stdout
    assert "Episode xiaohongshu_us_20250112: closed" in result.stdout


@pytest.mark.parametrize("command", [["status"], ["sql", "select 1"], ["quarantine", "list"], ["doctor"]])
def test_what_only_reads_makes_no_home(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    observatory(home, monkeypatch, *command)
    assert not home.root.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["demo"],
        ["backfill", "--source", "hacker_news", "--from", "2026-01-01", "--to", "2026-01-02"],
        ["import", "x.csv"],
    ],
    ids=lambda command: command[0],
)
def test_a_home_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    home = Home(tmp_path / "file" / "home")
    result = observatory(home, monkeypatch, *command)
    assert result.exit_code == EXIT_FAILED
    assert result.stderr.startswith(f"Error. {home.root}") and "move it away" in result.stderr


def test_a_setting_that_says_nothing_usable(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVATORY_STALE_HOURS", "two")
    result = observatory(home, monkeypatch, "status")
    assert result.exit_code == EXIT_FAILED
    assert "OBSERVATORY_STALE_HOURS: 'two' is no number of hours. Give" in result.stderr


def test_reparse_without_a_watchlist(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVATORY_WATCHLIST", "/nonexistent.yaml")
    days = ["--from", "2026-01-01", "--to", "2026-01-02"]
    result = observatory(home, monkeypatch, "reparse", "--source", "hacker_news", *days)
    assert result.exit_code == EXIT_FAILED
    assert "watchlist /nonexistent.yaml: cannot be read" in result.stderr
    assert "Correct OBSERVATORY_WATCHLIST" in result.stderr


def test_a_brief_to_a_folder_that_is_not_there(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "nowhere" / "page.md"
    result = observatory(loaded, monkeypatch, "brief", "tiktok_refugees_2025", "--to", str(file))
    assert result.exit_code == EXIT_FAILED
    assert result.stderr == (
        f"Error. {file}: No such file or directory. Check the path; its folder must be there.\n"
    )


def test_a_backfill_of_days_without_partitions_asks_nobody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ["--from", "2010-01-01", "--to", "2015-01-02"]
    result = observatory(home, monkeypatch, "backfill", "--source", "wayback_charts", *days)
    assert result.exit_code == 2
    told = " ".join(result.stderr.replace("│", " ").split())
    assert "2015-01-01 at the earliest" in told
    assert "run --live --source wayback_charts --from 2010-01-01 --to 2015-01-02" in told
    assert not home.root.exists()
