"""The web UI as `observatory ui` starts it, in processes of its own on a free port of loopback."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from ingestion.settings import PROJECT_ROOT, Home

START_SECONDS = 180
STOP_SECONDS = 30
CONNECT_RETRIES = 8
"""They come at growing distances, up to a minute in all."""


@contextmanager
def serving(home: Home, log: Path) -> Iterator[str]:
    """Gives the address; afterwards nothing that was started is left. What it says goes to `log` as well."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("observatory")), "ui", "--port", str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "OBSERVATORY_HOME": str(home.root)},
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    too_late = threading.Timer(START_SECONDS, _kill_group, [process])
    too_late.start()
    try:
        assert process.stdout
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if re.search(r"Serving dagster-webserver on ", line):
                break
        else:
            raise AssertionError(f"the web UI did not start:\n{''.join(said)}")
        too_late.cancel()
        drain = threading.Thread(target=lambda: log.write_text("".join([*said, *(process.stdout or ())])))
        drain.start()
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(transport=httpx.HTTPTransport(retries=CONNECT_RETRIES)) as client:
            client.get(f"{address}/server_info").raise_for_status()  # it says so before it listens
        yield address
    finally:
        too_late.cancel()
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        _kill_group(process)  # a code server outlives an impatient end
        process.wait()


def _kill_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
