"""A load that something disturbs: the home before it, and how to tell that it was left whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb

from ingestion.settings import Home
from tests._support.killing import run_all
from tests._support.loading import RATE, csv_text, drop, drop_case, entries, files

OLD_CASE = [{"store_date": f"2025-01-{day}", "rank": str(day)} for day in (13, 14, 15)]
NEW_CASE = [
    *({**row, "app_name": "renamed"} for row in OLD_CASE[:2]),
    {"store_date": "2025-01-16"},
    {"rank": "0"},
]
OLD_RATES = [{**RATE, "rate_date": f"2025-01-{day}"} for day in (13, 14)]
NEW_RATES = [{**RATE, "rate_date": f"2025-01-{day}", "rate": "1.5"} for day in (14, 15)]


def home_with_news(folder: Path) -> Home:
    """Something is loaded; a changed case and a further import lie in the inbox."""
    home = Home(folder / "home")
    drop_case(home, "my_case", {"chart_entries": entries(*OLD_CASE)})
    drop(home, "fx_rates__old.csv", csv_text(OLD_RATES))
    run_all(home)
    drop_case(home, "my_case", {"chart_entries": entries(*NEW_CASE)})
    drop(home, "fx_rates__new.csv", csv_text(NEW_RATES))
    return home


def loaded_copy(home: Home, folder: Path) -> Home:
    """What an undisturbed run makes of it."""
    copy = copy_of(home, folder)
    run_all(copy)
    return copy


def copy_of(home: Home, folder: Path) -> Home:
    """The home once more, in `folder`."""
    copy = Home(folder / "home")
    shutil.copytree(home.root, copy.root, symlinks=True)
    return copy


def partitions(home: Home) -> dict[str, bytes]:
    """What readers of the lake can see; the ledger tells of the way and is looked at apart."""
    found = files(home.lake)
    return {p: c for p, c in found.items() if p.endswith(".parquet") and "/loads/" not in p}


def every_file_can_be_read(home: Home) -> None:
    """Fails at the first file that was left torn."""
    with duckdb.connect() as con:
        for path in home.root.rglob("*.parquet"):
            con.execute("SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()
    for path in home.archive.rglob("[!.]*.json"):
        json.loads(path.read_bytes())
