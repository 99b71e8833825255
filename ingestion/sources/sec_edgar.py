"""SEC EDGAR: what watched companies filed, and the figures (XBRL facts) in their filings.

Free and without a key; https://www.sec.gov/search-filings/edgar-application-programming-interfaces. At most
ten requests a second, and only from programs that name a contact in `User-Agent`; others get 403 and a web
page. `submissions` is up to date within a second of a filing, `companyfacts` within a minute. A company that
never filed figures as XBRL has no `companyfacts` (404).

Facts: the same figure stands once for each filing that repeats it. `fy` and `fp` describe the filing, not the
period. There are no fourth quarters. Instants have no `start`. A piece is a fact of a watched concept; the
facts of all other concepts (some 95 of 100) are no pieces and stay in the archive, from where a longer list
brings them back.
Filings: parallel arrays, of which the n-th elements make a filing. A piece is a filing. What does not fit
into the first document lies on pages that it lists; those that reach into the window are asked.
Frames (one figure of many companies) name neither form nor filing day, so they are not asked; their facts are
broken pieces here. The document of a single concept has the form of `companyfacts` and is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date
from urllib.parse import quote

from ingestion.source import (
    MEBIBYTE,
    Answer,
    Asking,
    Broken,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Row,
    Source,
    Window,
    WrongAnswerError,
)
from ingestion.sources._documents import (
    Document,
    as_json,
    changed,
    expect_status,
    filled,
    json_object,
    plain,
)
from ingestion.watchlist import Watchlist

UPSTREAM = "The SEC"
FACTS, FILINGS = "company_facts", "filings"
HOST = "data.sec.gov"
DOCUMENTS = "https://www.sec.gov/Archives/edgar/data"
PAGE_NAME = re.compile(r"CIK\d{10}-submissions-\d{3}\.json")

WATCHED_CONCEPTS: dict[str, frozenset[str]] = {
    "us-gaap": frozenset(
        {
            "Revenues",
            "RevenueFromContractWithCustomerExcludingAssessedTax",
            "RevenueFromContractWithCustomerIncludingAssessedTax",
            "SalesRevenueNet",
            "CostOfRevenue",
            "MarketingExpense",
            "OperatingIncomeLoss",
            "NetIncomeLoss",
            "ProfitLoss",
            "Assets",
            "CashAndCashEquivalentsAtCarryingValue",
            "AccountsPayableCurrent",
            "AccountsPayableTradeCurrent",
            "AccountsPayableAndAccruedLiabilitiesCurrent",
        }
    ),
    "ifrs-full": frozenset({"Revenue", "ProfitLoss"}),
    "dei": frozenset(
        {"EntityCommonStockSharesOutstanding", "EntityListingDepositoryReceiptRatio", "EntityPublicFloat"}
    ),
}
"""Taxonomy -> concepts that are kept."""


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """Filings and facts of each company with a CIK, as seen today; then older pages that the window needs."""
    today = asking.now.astimezone(UTC).date()
    ciks = sorted({company.cik for company in asking.watchlist.companies.values() if company.cik})
    firsts = [_filings_request(cik, f"CIK{cik}.json", today) for cik in ciks]
    answers = yield [*firsts, *(_facts_request(cik, today) for cik in ciks)]
    pages = [
        _filings_request(answer.request.labels["cik"], name, today)
        for answer in answers[: len(firsts)]
        if answer is not None
        for name in _older_pages(answer, asking.window)
    ]
    if pages:
        yield pages


def _filings_request(cik: str, name: str, today: date) -> Request:
    return Request(
        url=f"https://{HOST}/submissions/{name}",
        kind=Kind.JSON,
        day=today,
        labels={"cik": cik, "about": FILINGS},
        max_unpacked_bytes=64 * MEBIBYTE,
    )


def _facts_request(cik: str, today: date) -> Request:
    return Request(
        url=f"https://{HOST}/api/xbrl/companyfacts/CIK{cik}.json",
        kind=Kind.JSON,
        day=today,
        labels={"cik": cik, "about": FACTS},
        max_unpacked_bytes=128 * MEBIBYTE,
    )


def _older_pages(answer: Answer, window: Window) -> list[str]:
    """Names of the pages with filings of the window's days."""
    try:
        filings = json_object(answer, UPSTREAM).get("filings")
    except WrongAnswerError:
        return []  # `read` says what is wrong with it
    pages = filings.get("files") if isinstance(filings, dict) else None
    return [
        str(page["name"])
        for page in (pages if isinstance(pages, list) else [])
        if isinstance(page, dict)
        and PAGE_NAME.fullmatch(str(page.get("name")))
        and str(page.get("filingFrom", "")) <= window.last.isoformat()
        and str(page.get("filingTo", "9999")) >= window.first.isoformat()
    ]


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Facts or filings of one company."""
    _expect_no_refusal(answer)
    expect_status(answer, UPSTREAM)
    document = json_object(answer, UPSTREAM)
    _expect_company(document, answer.request.labels["cik"])
    return _facts(document, answer) if answer.request.labels["about"] == FACTS else _filings(document, answer)


def _expect_no_refusal(answer: Answer) -> None:
    """The SEC's own pages for programs that it does not serve."""
    start = answer.content()[:4000]
    if b"Undeclared Automated Tool" in start:
        raise WrongAnswerError(
            "The SEC refuses programs without a contact: set OBSERVATORY_CONTACT to an e-mail address",
            is_retriable=False,
        )
    if b"Request Rate Threshold Exceeded" in start:
        raise WrongAnswerError(
            "The SEC was asked too often and refuses until ten minutes have been quiet", is_retriable=True
        )


def _expect_company(document: Document, cik: str) -> None:
    sent = document.get("cik")
    if sent is not None and str(sent).zfill(10) != cik:
        raise WrongAnswerError(
            f"The SEC sends the company {as_json(sent)} where {cik} was asked", is_retriable=False
        )


# --- facts ----------------------------------------------------------------------------------------


def _facts(document: Document, answer: Answer) -> Parsed:
    rows: list[Row] = []
    broken: list[Broken] = []
    company: Row = {"cik": answer.request.labels["cik"], "company_name": plain(document.get("entityName"))}
    for position, (taxonomy, concept, unit, fact) in enumerate(_pieces(document), start=1):
        if not isinstance(fact, dict):
            text = fact if isinstance(fact, str) else as_json(fact)
            reason = f"{taxonomy}:{concept} holds something that is no fact"
            broken.append(Broken(FACTS, position, text, reason))
        elif "ccp" in document:
            reason = "a frame names neither the form nor the day of the filing"
            broken.append(Broken(FACTS, position, as_json(fact), reason))
        else:
            named = {"taxonomy": taxonomy, "concept": concept, "unit": plain(unit)}
            rows.append({**company, **named, **_fact(fact)})
    return Parsed({FACTS: rows}, broken)


def _fact(fact: Document) -> Row:
    start, end = filled(fact.get("start")), filled(fact.get("end"))
    return {
        "period_start": start,
        "period_end": end,
        "period_key": end if start is None or end is None else f"{start}/{end}",
        "value": plain(fact.get("val")),
        "accession_number": filled(fact.get("accn")),
        "form": filled(fact.get("form")),
        "filed_date": filled(fact.get("filed")),
        "filing_fiscal_year": plain(fact.get("fy")),
        "filing_fiscal_period": filled(fact.get("fp")),
        "frame": filled(fact.get("frame")),
    }


def _pieces(document: Document) -> Iterator[tuple[str, str, str | None, object]]:
    """Taxonomy, concept, unit and fact of the watched concepts.

    A block that is not made as it should be is one piece, as the text that it was.
    """
    for taxonomy, concepts in _taxonomies(document).items():
        watched = WATCHED_CONCEPTS.get(taxonomy, frozenset())
        if not isinstance(concepts, dict):
            yield from [(taxonomy, "all concepts", None, as_json(concepts))] if watched else []
            continue
        for concept in sorted(watched.intersection(concepts)):
            block = concepts[concept]
            units = block.get("units") if isinstance(block, dict) else None
            if not isinstance(units, dict):
                yield taxonomy, concept, None, as_json(block)
                continue
            for unit, facts in units.items():
                for fact in facts if isinstance(facts, list) else [as_json(facts)]:
                    yield taxonomy, concept, unit, fact


def _taxonomies(document: Document) -> Document:
    """The facts of a company, in one form for its three documents: all, of one concept, of a frame."""
    taxonomy, tag = document.get("taxonomy"), document.get("tag")
    if isinstance(taxonomy, str) and isinstance(tag, str):
        units = document.get("units", {str(document.get("uom")): document.get("data")})
        return {taxonomy: {tag: {"units": units}}}
    facts = document.get("facts")
    return facts if isinstance(facts, dict) else changed(UPSTREAM, "a company without `facts`")


# --- filings --------------------------------------------------------------------------------------

COLUMNS = {
    "form": "form",
    "filed_date": "filingDate",
    "report_date": "reportDate",
    "accepted_at": "acceptanceDateTime",
    "items": "items",
    "primary_document": "primaryDocument",
    "description": "primaryDocDescription",
}
"""Column of `filings` -> the SEC's array."""


def _filings(document: Document, answer: Answer) -> Parsed:
    arrays = _arrays(document)
    cik = answer.request.labels["cik"]
    numbers = arrays["accessionNumber"]
    rows: list[Row] = []
    for place, number in enumerate(numbers):
        row: Row = {name: filled(arrays[theirs][place]) for name, theirs in COLUMNS.items()}
        row |= {"accession_number": filled(number), "cik": cik}
        row["source_url"] = _document_url(cik, row["accession_number"], row["primary_document"])
        rows.append(row)
    return Parsed({FILINGS: rows})


def _arrays(document: Document) -> dict[str, list[object]]:
    """The parallel arrays of a first document, or of an older page, which is nothing else."""
    filings = document.get("filings")
    block = filings.get("recent") if isinstance(filings, dict) else document
    numbers = block.get("accessionNumber") if isinstance(block, dict) else None
    if not isinstance(block, dict) or not isinstance(numbers, list):
        changed(UPSTREAM, "filings without a list `accessionNumber`")
    length = len(numbers)
    arrays: dict[str, list[object]] = {}
    for name in ("accessionNumber", *COLUMNS.values()):
        values = block.get(name, [None] * length)
        if not isinstance(values, list) or len(values) != length:
            changed(UPSTREAM, f"`{name}` is not parallel to the {length} accession numbers")
        arrays[name] = values
    return arrays


def _document_url(cik: str, number: object, document: object) -> str | None:
    if not isinstance(number, str):
        return None
    folder = f"{DOCUMENTS}/{int(cik)}/{quote(number.replace('-', ''), safe='')}"
    return f"{folder}/{quote(document)}" if isinstance(document, str) else f"{folder}/"


SOURCE = Source(
    name="sec_edgar",
    group="finance",
    description="Filings of watched companies and the figures in them, from the SEC.",
    tables=(FACTS, FILINGS),
    hosts=(HOST,),
    pace=Pace(requests_per_minute=300, at_once=2, seconds_between=0.2),
    day_zone="UTC",
    ask=ask,
    read=read,
)
