"""What a person does in the web UI, from the asset graph to a mart that a release has changed."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from ingestion.release import write_corrections
from ingestion.settings import PROJECT_ROOT, Home
from orchestration.defs.quarantine import RELEASE_JOB
from orchestration.defs.runs import MAIN_JOB
from tests._support.loading import VENDOR, csv_text, drop
from tests._support.web_ui import serving

pytestmark = pytest.mark.browser

IMAGES = PROJECT_ROOT / "docs" / "images"
RUN_MS = 300_000
GROUPS = ("1_received", "2_upstreams", "3_lake", "5_staging", "6_intermediate", "7_marts", "8_published")
NOT_WATCHED = {**VENDOR, "statement_id": "V2", "subject_id": "rednote", "platform_id": "rednote"}


def test_a_user_loads_the_case_reads_a_failed_check_and_releases_a_row(
    page: Page, home: Home, tmp_path: Path
) -> None:
    drop(home, "published_metrics__vendor.csv", csv_text([VENDOR, NOT_WATCHED]))
    with serving(home, tmp_path / "ui.log") as address:
        open_the_asset_graph(page, address)
        watch_the_event(page, address)
        materialize_the_case(page, address)
        assert vendor_says(home) == [("lemon8",)]
        read_the_failing_rows(page, address)
        load_id = find_what_waits(page, address)
        release(page, address, load_id, corrected(home, load_id, tmp_path / "corrected.csv"))
        assert vendor_says(home) == [("lemon8",), ("xiaohongshu",)]
        see_the_mart_change(page, address, home)


def open_the_asset_graph(page: Page, address: str) -> None:
    """Groups stand from left to right as the data goes, and are listed in that order."""
    page.goto(f"{address}/asset-groups")
    for group in GROUPS:
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    places = {group: places_of(page.get_by_text(group, exact=True)) for group in GROUPS}
    listed = [min(found, key=lambda box: box["x"])["y"] for found in places.values()]
    drawn = [max(found, key=lambda box: box["x"])["x"] for found in places.values()]
    assert listed == sorted(listed)
    assert drawn == sorted(drawn)
    assert len({*listed}) == len({*drawn}) == len(GROUPS)
    picture(page, "asset_graph")


def places_of(found: Locator) -> list[FloatRect]:
    """Where something is on the page: a group is in the list at the left, and in the graph."""
    return [box for one in found.all() if (box := one.bounding_box())]


def watch_the_event(page: Page, address: str) -> None:
    """The file that lies in the inbox starts a run by itself."""
    page.goto(f"{address}/runs")
    page.locator("a[href*='/runs/']").first.click(timeout=RUN_MS)
    watch_the_run(page)


def materialize_the_case(page: Page, address: str) -> None:
    page.goto(f"{address}/locations/migration_observatory/jobs/{MAIN_JOB}")
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_role("button", name="Confirm").click()  # upstreams were never asked, and need not be
    launched = page.get_by_text(re.compile("Launched run [0-9a-f]{8}")).first
    expect(launched).to_be_visible()
    run = launched.inner_text().split("Launched run ")[1][:8]
    page.goto(f"{address}/runs")
    page.locator(f"a[href*='/runs/{run}']").first.click()
    watch_the_run(page)


def watch_the_run(page: Page) -> None:
    expect(page.get_by_text(re.compile("^(Success|Failure)$")).first).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()


def read_the_failing_rows(page: Page, address: str) -> None:
    """From the asset's page to its checks, by the link in its metadata."""
    page.goto(f"{address}/assets/raw/published_metrics")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="/assets/raw/published_metrics?view=checks").click()
    checks = opened.value
    told = "1 of 2 rows break a rule: platform_id is not on the watchlist (1)."
    expect(checks.get_by_text(told)).to_be_visible(timeout=RUN_MS)  # an event may have it checked again
    expect(checks.get_by_role("cell", name=re.compile('^{.*"platform_id": "rednote"'))).to_be_visible()
    picture(checks, "failed_check")
    checks.close()


def find_what_waits(page: Page, address: str) -> str:
    """The load, as the asset `quarantine` names it."""
    page.goto(f"{address}/assets/quarantine")
    cell = page.get_by_role("cell", name=re.compile("^[0-9a-f]{16}$")).first
    expect(cell).to_be_visible()
    return cell.inner_text().strip()


def corrected(home: Home, load_id: str, to: Path) -> Path:
    """What a person makes of the file that `observatory quarantine correct` writes."""
    write_corrections(home, load_id, to)
    with to.open(newline="") as file:
        (row,) = csv.DictReader(file)
    to.write_text(csv_text([{**row, "subject_id": "xiaohongshu", "platform_id": "xiaohongshu"}]))
    return to


def release(page: Page, address: str, load_id: str, file: Path) -> None:
    """Fills in the launchpad of the job, and launches it."""
    page.goto(f"{address}/locations/migration_observatory/jobs/{RELEASE_JOB}/playground")
    page.locator(".CodeMirror").first.click()
    page.keyboard.press("Control+A")
    given = f"{{table: published_metrics, load_id: '{load_id}', corrections: '{file}'}}"
    page.keyboard.insert_text(f"{{ops: {{released_from_quarantine: {{config: {given}}}}}}}")
    launch = page.get_by_role("button", name="Launch Run")
    expect(launch).to_be_enabled()
    launch.click()
    page.wait_for_url(re.compile("/runs/"))
    watch_the_run(page)


def see_the_mart_change(page: Page, address: str, home: Home) -> None:
    page.goto(f"{address}/assets/quarantine")
    expect(page.get_by_text("Nothing waits.").first).to_be_visible(timeout=RUN_MS)
    page.goto(f"{address}/assets/fct_published_metrics")
    expect(page.get_by_text("Row count", exact=True)).to_be_visible()
    rows = f"{read(home, 'select count(*) from marts.fct_published_metrics')[0][0]:,}"
    expect(page.get_by_text(rows, exact=True).first).to_be_visible()


def vendor_says(home: Home) -> list[tuple[Any, ...]]:
    """Platforms of the vendor's figures."""
    vendors = "select platform_id from marts.fct_published_metrics where provider = 'Example Vendor'"
    return read(home, f"{vendors} order by all")


def read(home: Home, query: str) -> list[tuple[Any, ...]]:
    """As an analyst reads it from the published file."""
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def picture(page: Page, name: str) -> None:
    """Keeps what is seen for the README, when it is asked for."""
    if os.environ.get("UPDATE_SCREENSHOTS"):
        IMAGES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png")
