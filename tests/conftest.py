"""Fixtures that every test may use. The network is blocked, but for loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestion.settings import PROJECT_ROOT, Home

SHARED = PROJECT_ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def _no_network(socket_disabled_but_loopback: None) -> None:
    """Tests never leave this machine."""


@pytest.fixture
def socket_disabled_but_loopback() -> None:
    import pytest_socket

    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty installation."""
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Facts, recordings and oracles beside the project; CI must have them."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{SHARED} is missing: CI must have it")
        pytest.skip(f"no {SHARED} on this machine")
    return SHARED
