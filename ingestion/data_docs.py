"""Great Expectations' Data Docs: a page a load, and an index of loads.

Belongs here: pages that a person can open from disk. They need no network and run no script: what a file
says is shown, never executed. Does not belong here: the check itself (`ingestion.checks`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.checks import CheckResult
from ingestion.effects import locked, write_durably
from ingestion.loads import LoadRecord, read_loads
from ingestion.settings import Home

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

PAGES = Path(__file__).parent / "pages"
INDEX_ROWS = 1000
"""The index shows the newest loads only; the ledger has them all."""

INDEX_COLUMNS = (
    "started_at",
    "table_name",
    "source",
    "file_name",
    "verdict",
    "rows_in",
    "rows_published",
    "rows_quarantined",
    "reason",
)


def page_path(home: Home, table_name: str, load_id: str) -> Path:
    """Where the page of a load is."""
    return home.data_docs / table_name / f"{load_id}.html"


def write_page(home: Home, record: LoadRecord, checked: CheckResult) -> Path:
    """Renders what was checked in a load."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    document = ValidationResultsPageRenderer(run_info_at_end=True).render(_harmless(checked.validation))
    overview = document.sections[0]
    overview.content_blocks = overview.content_blocks[1:]  # its head links to a site that is not there
    html = DefaultJinjaPageView(custom_views_directory=str(PAGES)).render(
        document, template="load.html", load=asdict(record), rules=checked.rules, style=_style()
    )
    path = page_path(home, record.table_name, record.load_id)
    write_durably(path, html.encode())
    return path


def _harmless(validation: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """A copy whose values may stand in a page: Great Expectations shows them as markup."""
    shown = copy.copy(validation)
    shown.results = [copy.copy(result) for result in validation.results]
    for result in shown.results:
        result.result = _escaped(result.result)
    return shown


def _escaped(value: Any) -> Any:
    """Values of a result, with text as it is written in HTML. Failing values stand in lists."""
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)("NULL" if _is_null(item) else _escaped(item) for item in value)
    plain = value.item() if hasattr(value, "item") else value
    return escape(plain) if isinstance(plain, str) else plain


def _is_null(value: Any) -> bool:
    import pandas as pd

    return not isinstance(value, dict | list | tuple) and bool(pd.isna(value))


def write_index(home: Home) -> Path:
    """Lists the loads, newest first."""
    path = home.data_docs / "index.html"
    with locked(home, "data_docs"):
        newest = read_loads(home)[::-1][:INDEX_ROWS]
        write_durably(path, _index(home, newest).encode())
    return path


def _index(home: Home, records: Sequence[LoadRecord]) -> str:
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in INDEX_COLUMNS)
    rows = "\n".join(_index_row(home, record) for record in records)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Loads</title>'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_style()}</style></head><body><h1>Loads, newest first</h1>\n"
        f"<table><tr>{head}</tr>\n{rows}\n</table></body></html>\n"
    )


def _index_row(home: Home, record: LoadRecord) -> str:
    cells = {name: escape(str(getattr(record, name) or "")) for name in INDEX_COLUMNS}
    for name in ("rows_in", "rows_published", "rows_quarantined"):
        cells[name] = str(getattr(record, name))
    if page_path(home, record.table_name, record.load_id).exists():
        link = f"{record.table_name}/{record.load_id}.html"
        cells["verdict"] = f'<a class="{record.verdict}" href="{link}">{cells["verdict"]}</a>'
    return "<tr>" + "".join(f"<td>{cells[name]}</td>" for name in INDEX_COLUMNS) + "</tr>"


def _style() -> str:
    return (PAGES / "style.css").read_text()
