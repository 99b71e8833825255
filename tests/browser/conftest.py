"""A real Chromium, headless."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

BROWSER = "chromium"
PATIENCE_MS = 60_000


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty page. Without Chromium, which `.ci/run` installs, the test is skipped."""
    executable = shutil.which(BROWSER)
    if executable is None:
        reason = f"no {BROWSER} on this machine: install the Debian packages of .ci/debian-packages.txt"
        pytest.skip(reason)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            yield page
        finally:
            browser.close()
