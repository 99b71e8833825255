"""SEC EDGAR as it answers: made-up filings and figures of any company, the same for the same request.

A company files a 10-Q after each of three quarters and a 10-K after the fourth, from 2017 to 2025. Each
filing repeats the figures of the year before, as real ones do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from ingestion.source import Request

YEARS = range(2017, 2026)
ENDS = ((3, 31), (6, 30), (9, 30), (12, 31))
REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"


@dataclass(frozen=True)
class Filing:
    """A report on the year up to one quarter's end."""

    number: str
    year: int
    quarter: int

    @property
    def end(self) -> date:
        return date(self.year, *ENDS[self.quarter])

    @property
    def filed(self) -> date:
        return self.end + timedelta(days=35)

    @property
    def form(self) -> str:
        return "10-K" if self.quarter == 3 else "10-Q"


def answer(request: Request) -> bytes:
    """Facts, the first document of the filings, or the one older page that it names."""
    cik = request.labels["cik"]
    filings = list(_filings(cik))
    if "/companyfacts/" in request.url:
        document: object = _facts(cik, filings)
    elif "-submissions-" in request.url:
        document = _arrays(filings[:20])
    else:
        document = _submissions(cik, filings)
    return json.dumps(document, separators=(",", ":")).encode()


def _filings(cik: str) -> Iterator[Filing]:
    for number, (year, quarter) in enumerate((y, q) for y in YEARS for q in range(4)):
        yield Filing(f"{cik}-{(year + (quarter == 3)) % 100:02d}-{number + 1:06d}", year, quarter)


def _submissions(cik: str, filings: list[Filing]) -> object:
    page = {
        "name": f"CIK{cik}-submissions-001.json", "filingCount": 20,
        "filingFrom": filings[0].filed.isoformat(), "filingTo": filings[19].filed.isoformat(),
    }  # fmt: skip
    recent = _arrays(filings[20:])
    return {"cik": cik, "name": f"COMPANY {cik}", "filings": {"recent": recent, "files": [page]}}


def _arrays(filings: list[Filing]) -> dict[str, list[object]]:
    newest_first = filings[::-1]
    return {
        "accessionNumber": [filing.number for filing in newest_first],
        "filingDate": [filing.filed.isoformat() for filing in newest_first],
        "reportDate": [filing.end.isoformat() for filing in newest_first],
        "acceptanceDateTime": [f"{filing.filed}T21:05:00.000Z" for filing in newest_first],
        "form": [filing.form for filing in newest_first],
        "items": ["" for _ in newest_first],
        "size": [10_000_000 for _ in newest_first],
        "isXBRL": [1 for _ in newest_first],
        "primaryDocument": [f"report-{filing.end:%Y%m%d}.htm" for filing in newest_first],
        "primaryDocDescription": [filing.form for filing in newest_first],
    }


def _facts(cik: str, filings: list[Filing]) -> object:
    dice = random.Random(cik)
    quarters = {(year, q): dice.randrange(10**8, 10**10) for year in YEARS for q in range(4)}
    revenue: list[object] = []
    shares: list[object] = []
    for filing in filings:
        for year in {filing.year - 1, filing.year} & set(YEARS):
            revenue += _revenue(filing, year, [quarters[year, q] for q in range(filing.quarter + 1)])
        shares.append(_fact(filing, None, filing.filed, 10**9))
    return {
        "cik": int(cik),
        "entityName": f"COMPANY {cik}",
        "facts": {
            "dei": {"EntityCommonStockSharesOutstanding": {"label": "", "units": {"shares": shares}}},
            "us-gaap": {
                "Goodwill": {"label": "", "units": {"USD": [_fact(filings[0], None, filings[0].end, 1)]}},
                REVENUE: {"label": "", "units": {"USD": revenue}},
            },
        },
    }


def _revenue(filing: Filing, year: int, quarters: list[int]) -> Iterator[object]:
    """The year up to the quarter, and the quarter itself but for the first and the fourth."""
    end = date(year, *ENDS[filing.quarter])
    yield _fact(filing, date(year, 1, 1), end, sum(quarters))
    if filing.quarter in {1, 2}:
        yield _fact(filing, date(year, 3 * filing.quarter + 1, 1), end, quarters[-1])


def _fact(filing: Filing, start: date | None, end: date, value: int) -> dict[str, object]:
    return {
        **({} if start is None else {"start": start.isoformat()}),
        "end": end.isoformat(),
        "val": value,
        "accn": filing.number,
        "fy": filing.year,
        "fp": "FY" if filing.quarter == 3 else f"Q{filing.quarter + 1}",
        "form": filing.form,
        "filed": filing.filed.isoformat(),
    }
