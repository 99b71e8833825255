"""Operations as a person and a night see them: what heals, what `doctor`, `status` and `brief` say."""

from __future__ import annotations

import random
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner, Result

from ingestion.settings import Home
from orchestration.cli import EXIT_FAILED, app
from orchestration.doctor import Finding, Level, examine
from orchestration.publish import current_version
from orchestration.session import prepare_instance, run_main_job


def observatory(home: Home, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("OBSERVATORY_HOME", str(home.root))
    return CliRunner().invoke(app, list(arguments))


def finding(home: Home, what: str, **environ: str) -> Finding:
    (one,) = [one for one in examine(home, environ) if one.what == what]
    return one


def overwrite_blocks(path: Path) -> None:
    """All blocks with zeros, but for those at both ends, where the catalogue is."""
    content = path.read_bytes()
    path.write_bytes(content[:16384] + bytes(len(content) - 16384))


@pytest.mark.parametrize("damage", ["cut", "no database", "blocks"])
def test_a_damaged_warehouse_is_put_aside_and_built_anew(loaded: Home, damage: str) -> None:
    content = loaded.warehouse.read_bytes()
    if damage == "cut":
        loaded.warehouse.write_bytes(content[: len(content) // 2])
    elif damage == "no database":
        loaded.warehouse.write_bytes(b"nonsense" * 1000)
    else:
        overwrite_blocks(loaded.warehouse)
    before = current_version(loaded)
    assert run_main_job(loaded, cases=["january_2025"]).published
    (aside,) = loaded.root.glob("warehouse.duckdb.damaged-*")
    assert aside.stat().st_size <= len(content)
    assert current_version(loaded) == before, "the same marts"
    assert finding(loaded, "warehouse").level is Level.WARN, "until somebody has looked at it"


def test_the_case_is_detected_as_an_episode_that_is_over(
    case_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (case_home.briefs / "xiaohongshu_us_20250112.md").exists()
    result = observatory(case_home, monkeypatch, "brief", "xiaohongshu_us_20250112")
    assert result.exit_code == 0
    for section in ("What moved", "Who led", "How much, by whose estimate", "```sql"):
        assert section in result.stdout
    assert "Similarweb" in result.stdout
    unknown = observatory(case_home, monkeypatch, "brief", "nothing")
    assert unknown.exit_code == EXIT_FAILED and "tiktok_refugees_2025" in unknown.output


def test_status_tells_of_sources_and_episodes(case_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    result = observatory(case_home, monkeypatch, "status")
    assert result.exit_code == 0
    assert "case_january_2025" in result.stdout and "well" in result.stdout
    assert "Episode xiaohongshu_us_20250112: closed" in result.stdout
    assert "case_january_2025" in case_home.health_page.read_text()


def test_a_rejected_file_is_named_among_the_loads(loaded: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.inbox.mkdir(exist_ok=True)
    (loaded.inbox / "chart_entrees.csv").write_text("a,b\n1,2\n")
    result = observatory(loaded, monkeypatch, "run")
    table = result.stdout[result.stdout.index("Loads") :]
    assert "chart_entrees.csv" in table.split("└")[0]


def test_doctor_of_a_sound_installation(case_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVATORY_CONTACT", "who@example.org")
    monkeypatch.setenv("OBSERVATORY_ALERTS", "json://127.0.0.1:9/alerts")
    result = observatory(case_home, monkeypatch, "doctor")
    assert result.exit_code == 0, result.output
    assert "fail" not in [line.split()[0] for line in result.stdout.splitlines()]


def test_doctor_says_what_is_broken_and_what_to_do(loaded: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.warehouse.write_bytes(b"nonsense" * 1000)
    (loaded.published / "current").unlink()
    (loaded.published / "current").symlink_to("versions/gone")
    monkeypatch.setenv("OBSERVATORY_KEEP_RUNS_DAYS", "soon")
    monkeypatch.setenv("OBSERVATORY_ALERTS", "nonsense")
    result = observatory(loaded, monkeypatch, "doctor")
    assert result.exit_code == EXIT_FAILED
    broken = {line.split()[1].rstrip(":") for line in result.stdout.splitlines() if line.startswith("fail")}
    assert broken == {"warehouse", "published", "settings", "alerts"}


def test_doctor_before_the_first_run(home: Home) -> None:
    levels = {one.what: one.level for one in examine(home, {})}
    assert levels["home"] is levels["warehouse"] is levels["published"] is Level.WARN
    assert Level.FAIL not in levels.values()


def test_doctor_names_a_home_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    home = Home(tmp_path / "file" / "home")
    result = observatory(home, monkeypatch, "doctor")
    assert result.exit_code == EXIT_FAILED
    told = f"fail  home: {home.root} cannot be made: {tmp_path / 'file'} is no folder. Move it away"
    assert told in result.stdout


@pytest.mark.parametrize("content", [None, "platforms: 3"], ids=["missing", "invalid"])
def test_doctor_looks_at_the_watchlist(home: Home, tmp_path: Path, content: str | None) -> None:
    assert finding(home, "watchlist").level is Level.OK
    path = tmp_path / "watchlist.yaml"
    if content is not None:
        path.write_text(content)
    found = finding(home, "watchlist", OBSERVATORY_WATCHLIST=str(path))
    assert found.level is Level.FAIL and found.remedy
    assert str(path) in found.said or "platforms" in found.said


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
def test_doctor_reads_run_history_and_its_remedy_helps(home: Home, name: str) -> None:
    folder = prepare_instance(home)
    assert finding(home, "run history").level is Level.OK
    path = folder / name
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))
    found = finding(home, "run history")
    assert found.level is Level.FAIL and str(path) in found.said
    assert finding(home, "daemon").level is Level.FAIL, "nobody can tell"
    for part in ("", "-wal", "-shm"):
        Path(f"{path}{part}").unlink(missing_ok=True)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        assert instance.get_runs_count() == 0
        assert not instance.all_instigator_state()
        assert instance.get_latest_materialization_event(dg.AssetKey("inbox")) is None
    assert finding(home, "run history").level is Level.OK


def test_doctor_says_whether_the_daemon_runs(home: Home) -> None:
    assert "has never run" in finding(home, "daemon").said
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        hour_ago = time.time() - 3600
        instance.add_daemon_heartbeat(DaemonHeartbeat(hour_ago, "SENSOR", None))
        found = finding(home, "daemon")
        assert found.level is Level.WARN and "was seen last at" in found.said
        assert "Commands work without" in found.remedy
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", None))
    assert finding(home, "daemon") == Finding("daemon", Level.OK, "runs")


def test_doctor_says_that_an_alert_sensor_is_off(home: Home) -> None:
    assert finding(home, "alert sensors").level is Level.OK
    repository = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin()), "observatory")
    origin = repository.get_instigator_origin("tell_what_needs_somebody")
    stopped = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        instance.add_instigator_state(stopped)
    found = finding(home, "alert sensors")
    assert (found.level, found.said) == (Level.WARN, "off: tell_what_needs_somebody")


def test_every_finding_that_is_not_well_says_what_to_do(home: Home) -> None:
    for one in examine(home, {"OBSERVATORY_STALE_HOURS": "x", "OBSERVATORY_CONTACT": "\n"}):
        assert one.level is Level.OK or one.remedy, one
