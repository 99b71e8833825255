"""Main jobs in processes of their own, that start at the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.settings import Home

PROGRAM = """
import dataclasses, json, sys
from pathlib import Path
from ingestion.settings import Home
from orchestration.session import run_main_job
print("ready", flush=True)
sys.stdin.readline()
outcome = run_main_job(Home(Path(sys.argv[1])), cases=json.loads(sys.argv[2]))
print(json.dumps(dataclasses.asdict(outcome)))
"""
SECONDS = 420


@dataclass(frozen=True)
class Told:
    """What a process has said: the outcome of its run, and all that it wrote beside it."""

    outcome: dict[str, Any]
    errors: str


def run_at_once(home: Home, count: int, cases: list[str], environ: Mapping[str, str]) -> list[Told]:
    """Runs so many main jobs on one home; none starts before all can."""
    command = [sys.executable, "-c", PROGRAM, str(home.root), json.dumps(cases)]
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, **environ},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(count)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout and process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for process, (_, errors) in zip(processes, said, strict=True):
        assert process.returncode == 0, errors
    return [Told(json.loads(out.splitlines()[-1]), errors) for out, errors in said]
