"""Alerts: each cause is told once until it is resolved, in one message, and none is lost."""

import errno
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_status_sensor_definition import RunStatusSensorCursor
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from ingestion.alerts import Alert, Kind, Message, message_of, open_alerts, sender, tell
from ingestion.errors import AlertError, SettingError
from ingestion.settings import Home
from ingestion.windows import DayReport, WindowState, note_days
from orchestration.defs.alerts import failed_run_alert, tell_of_failed_run, tell_what_needs_somebody
from orchestration.installation import Clock, Installation
from tests._support.loading import NOON, drop, receive_and_load

STALE = Alert(Kind.STALE, "feeds", "feeds has not answered since May.", "Ask it.", "/assets/upstream/feeds")
HELD = Alert(Kind.HELD, "import, fx_rates", "a.csv: no column rate.", "See it.", "/runs/1", detail="a.csv")


class Service(ThreadingHTTPServer):
    """A service on loopback that takes messages, or refuses them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, Any]] = []
        self.status = 200

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/alerts"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.status == 200:
            self.server.received.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("OBSERVATORY_ALERTS", server.address)
        monkeypatch.setenv("OBSERVATORY_UI_URL", "http://ui.example:3000/")
        yield server
        server.shutdown()


def test_one_message_for_all_that_is_new(home: Home, service: Service) -> None:
    send = sender({"OBSERVATORY_ALERTS": service.address})
    tell(home, [STALE, HELD], NOON, send=send, ui="http://ui.example:3000")
    (message,) = service.received
    assert message["title"] == "Migration Observatory: load held back, source stale"
    assert "http://ui.example:3000/runs/1" in message["message"]
    assert "feeds has not answered since May. Ask it." in message["message"]


def test_a_cause_is_told_once_until_it_was_resolved(home: Home) -> None:
    sent: list[Message] = []

    def told(*alerts: Alert) -> int:
        before = len(sent)
        tell(home, alerts, NOON, send=sent.append, is_open=lambda alert: False)
        return len(sent) - before

    assert [told(STALE), told(STALE), told(STALE, HELD), told(HELD), told(STALE, HELD)] == [1, 0, 1, 0, 1]
    assert "a.csv" in sent[1].body and "feeds" not in sent[1].body


def test_what_was_not_accepted_is_told_with_the_next_message(home: Home, service: Service) -> None:
    send = sender({"OBSERVATORY_ALERTS": service.address})
    service.status = 503
    with pytest.raises(AlertError, match="OBSERVATORY_ALERTS"):
        tell(home, [STALE], NOON, send=send)
    assert [one.told_at for one in open_alerts(home)] == [None]
    service.status = 200
    tell(home, [STALE, HELD], NOON + timedelta(minutes=5), send=send)
    (message,) = service.received
    assert "feeds" in message["message"] and "a.csv" in message["message"]
    assert all(one.told_at for one in open_alerts(home))


def test_without_services_alerts_wait_for_somebody_to_be_told(home: Home) -> None:
    assert sender({}) is None
    assert tell(home, [STALE], NOON, send=None) is None
    sent: list[Message] = []
    tell(home, [STALE], NOON, send=sent.append)
    assert len(sent) == 1


def test_a_wrong_address_is_not_repeated_in_the_error() -> None:
    with pytest.raises(SettingError) as caught:
        sender({"OBSERVATORY_ALERTS": "nonsense-with-a-password"})
    assert "password" not in str(caught.value)


def test_many_alerts_of_a_kind_are_counted() -> None:
    alerts = [Alert(Kind.HELD, f"t{n}", f"file{n}.csv: broken.", "See it.", "/runs/1") for n in range(14)]
    message = message_of(alerts, "http://ui")
    assert message.title == "Migration Observatory: load held back: 14"
    assert message.body.count("file") == 10 and "and 4 more" in message.body


def resources(home: Home) -> dict[str, Any]:
    return {"installation": Installation(home=str(home.root)), "clock": Clock(fixed=NOON.isoformat())}


def test_the_sensor_tells_of_stale_sources_and_held_loads_once(home: Home, service: Service) -> None:
    asked = NOON - timedelta(hours=50)
    report = DayReport(asked.date(), WindowState.COMPLETE, 1, 0, 0, None, asked)
    note_days(home, "wikimedia_pageviews", [report])
    drop(home, "fx_rates__vendor.csv", "provider,nothing\necb,1\n")
    receive_and_load(home, "fx_rates")
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            context = dg.build_sensor_context(instance=instance, resources=resources(home))
            assert isinstance(tell_what_needs_somebody(context), dg.SkipReason)
    (message,) = service.received
    assert message["title"] == "Migration Observatory: load held back, source stale"
    assert "http://ui.example:3000/assets/upstream/wikimedia_pageviews" in message["message"]
    assert "wikimedia_pageviews" in home.health_page.read_text()


def look(home: Home, instance: dg.DagsterInstance) -> None:
    tell_what_needs_somebody(dg.build_sensor_context(instance=instance, resources=resources(home)))


def test_a_file_that_was_not_taken_is_told_once(home: Home, service: Service) -> None:
    drop(home, "chart_entrees.csv", "a,b\n1,2\n")
    receive_and_load(home)
    with dg.DagsterInstance.ephemeral() as instance:
        look(home, instance)
        look(home, instance)
    (message,) = service.received
    assert "chart_entrees.csv was not taken" in message["message"]


def test_a_look_that_fails_is_told_and_stops_no_other(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home, "chart_entrees.csv", "a,b\n1,2\n")
    receive_and_load(home)
    monkeypatch.setenv("OBSERVATORY_STALE_HOURS", "two")
    with dg.DagsterInstance.ephemeral() as instance:
        look(home, instance)
        (message,) = service.received
        assert "The health of the sources cannot be seen" in message["message"]
        assert "OBSERVATORY_STALE_HOURS" in message["message"]
        assert "chart_entrees.csv" in message["message"]
        monkeypatch.delenv("OBSERVATORY_STALE_HOURS")
        look(home, instance)
    assert len(service.received) == 1
    assert {one.alert.kind for one in open_alerts(home)} == {Kind.HELD}


def test_what_could_not_be_seen_is_not_told_anew_when_it_is_seen_again(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home, "fx_rates__vendor.csv", "provider,nothing\necb,1\n")
    receive_and_load(home, "fx_rates")
    with dg.DagsterInstance.ephemeral() as instance:
        look(home, instance)
        monkeypatch.setenv("OBSERVATORY_STALE_HOURS", "two")
        look(home, instance)
        monkeypatch.delenv("OBSERVATORY_STALE_HOURS")
        look(home, instance)
    assert [message["title"].partition(": ")[2] for message in service.received] == [
        "load held back (import, fx_rates)",
        "watch that failed (the health of the sources)",
    ]


def test_what_is_seen_under_a_wrong_address_is_told_once_it_is_right(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home, "chart_entrees.csv", "a,b\n1,2\n")
    receive_and_load(home)
    with dg.DagsterInstance.ephemeral() as instance:
        with monkeypatch.context() as wrong:
            wrong.setenv("OBSERVATORY_ALERTS", "nonsense")
            with pytest.raises(SettingError):
                look(home, instance)
        look(home, instance)
    assert len(service.received) == 1


def test_a_full_disk_is_told_although_nothing_can_be_noted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sent: list[Message] = []
    monkeypatch.setattr("ingestion.alerts.write_durably", full)
    with pytest.raises(OSError, match="No space left"):
        tell(home, [STALE], NOON, send=sent.append)
    assert len(sent) == 1


def test_a_damaged_note_counts_as_never_told(home: Home) -> None:
    sent: list[Message] = []
    tell(home, [STALE], NOON, send=sent.append)
    (note,) = home.alerts.glob("*.json")
    note.write_bytes(b"")
    tell(home, [STALE], NOON, send=sent.append)
    tell(home, [STALE], NOON, send=sent.append)
    assert len(sent) == 2


def test_runs_of_the_command_are_watched_too(home: Home, service: Service) -> None:
    """They belong to no code location, while the daemon's sensor does."""
    home.archive.mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run_some_job(instance, fail=True).success
        origin = ManagedGrpcPythonEnvCodeLocationOrigin(
            loadable_target_origin=LoadableTargetOrigin(module_name="orchestration"),
            location_name="migration_observatory",
        )
        context = dg.SensorEvaluationContext(
            instance_ref=None,
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=RunStatusSensorCursor(record_id=0).to_json(),  # type: ignore[no-untyped-call]
            repository_name="__repository__",
            instance=instance,
            resources=resources(home),
            code_location_origin=origin,
        )
        tell_of_failed_run.evaluate_tick(context)
    assert len(service.received) == 1


@dg.op(config_schema={"fail": bool})
def may_fail(context: dg.OpExecutionContext) -> None:
    if context.op_config["fail"]:
        raise ValueError("the disk is full")


@dg.job
def some_job() -> None:
    may_fail()


def run_some_job(instance: dg.DagsterInstance, *, fail: bool) -> dg.ExecuteInProcessResult:
    config = {"ops": {"may_fail": {"config": {"fail": fail}}}}
    return some_job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)


def test_a_failing_job_is_told_once_until_it_succeeds_again(home: Home, service: Service) -> None:
    home.archive.mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as instance:

        def failed() -> str:
            result = run_some_job(instance, fail=True)
            context = dg.build_run_status_sensor_context(
                sensor_name="tell_of_a_run_that_failed",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=next(
                    event for event in result.all_events if event.is_failure and event.is_job_event
                ),
                resources=resources(home),
            ).for_run_failure()
            tell_of_failed_run(context)
            return result.run_id

        def look() -> None:
            tell_what_needs_somebody(dg.build_sensor_context(instance=instance, resources=resources(home)))

        run_id = failed()
        look()
        failed()
        assert len(service.received) == 1
        assert f"http://ui.example:3000/runs/{run_id}" in service.received[0]["message"]
        run_some_job(instance, fail=False)
        look()
        assert not open_alerts(home)
        failed()
        assert len(service.received) == 2


def test_another_step_is_another_cause() -> None:
    first = failed_run_alert("a_job", "1", ["load"], "")
    assert first.cause == failed_run_alert("a_job", "2", ["load"], "otherwise").cause
    assert first.cause != failed_run_alert("a_job", "1", ["publish"], "").cause
