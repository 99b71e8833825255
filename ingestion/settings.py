"""Where all state lives. Nothing outside this module knows the layout of `OBSERVATORY_HOME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
CASES = Path(__file__).resolve().parent / "cases"
WATCHLIST = Path(__file__).resolve().parent / "watchlist.yaml"


@dataclass(frozen=True)
class Home:
    """The folder of one installation; every path below it."""

    root: Path

    @property
    def inbox(self) -> Path:
        """Where people drop files."""
        return self.root / "inbox"

    @property
    def archive(self) -> Path:
        """Everything received, as received."""
        return self.root / "archive"

    @property
    def lake(self) -> Path:
        """Checked rows: `raw/<source>/<table>/day=YYYY-MM-DD/`."""
        return self.root / "lake"

    @property
    def quarantine(self) -> Path:
        """Rows and batches that broke a contract, with the reason."""
        return self.root / "quarantine"

    @property
    def locks(self) -> Path:
        """Lock files; worthless when nothing runs."""
        return self.root / "locks"

    @property
    def warehouse(self) -> Path:
        """What dbt builds. One process at a time; analysts read `published_database`."""
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """Published versions, and the link to the current one."""
        return self.root / "published"

    @property
    def published_database(self) -> Path:
        """What analysts open: always a complete state."""
        return self.root / "observatory.duckdb"

    @property
    def published_parquet(self) -> Path:
        """The same marts, a Parquet file each."""
        return self.root / "parquet"

    @property
    def data_docs(self) -> Path:
        """Validation results as pages."""
        return self.root / "data_docs"

    @property
    def alerts(self) -> Path:
        """What people were told, and what is still to be told, a file a cause."""
        return self.root / "alerts"

    @property
    def episodes(self) -> Path:
        """Episodes that were detected, a file each."""
        return self.root / "episodes"

    @property
    def briefs(self) -> Path:
        """The pages of episodes."""
        return self.root / "briefs"

    @property
    def health_page(self) -> Path:
        """How every source does, as a page."""
        return self.root / "health" / "index.html"

    @property
    def dagster(self) -> Path:
        """Run history of Dagster."""
        return self.root / "dagster"

    @property
    def dbt_target(self) -> Path:
        """What dbt writes while it runs."""
        return self.root / "dbt"


def home_from(environ: Mapping[str, str]) -> Home:
    """The home that `OBSERVATORY_HOME` names; without it, an ignored folder of the checkout."""
    named = environ.get("OBSERVATORY_HOME")
    return Home(Path(named).expanduser().resolve() if named else PROJECT_ROOT / ".observatory")
