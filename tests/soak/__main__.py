"""The command: `python -m tests.soak --days 200 --kills 50 --seed 1`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.soak.run import Plan, keep_or_remove, soak


def main() -> int:
    """Soaks, tells a line a day and a table in the end; 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder, started = Path(tempfile.mkdtemp(prefix="soak_")), time.monotonic()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    told = soak(folder, Plan(asked.days, asked.kills, asked.seed), console.print)
    console.print(*told.lines(), f"{'all in all':<42} {time.monotonic() - started:.0f} s", sep="\n")
    for line in told.wrong:
        console.print(f"WRONG: {line}")
    console.print(keep_or_remove(folder, told.wrong))
    return 1 if told.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
