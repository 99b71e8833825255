"""The ECB's reference rates as it publishes them: made-up fixings up to 20 November 2026, always the same."""

from __future__ import annotations

import io
import zipfile
from datetime import date, timedelta

from ingestion.source import Request

LAST = date(2026, 11, 20)
CURRENCIES = (
    "USD", "JPY", "BGN", "CZK", "DKK", "GBP", "HUF", "PLN", "RON", "SEK", "CHF", "ISK", "NOK", "HRK", "RUB",
    "TRY", "AUD", "BRL", "CAD", "CNY", "HKD", "IDR", "ILS", "INR", "KRW", "MXN", "MYR", "NZD", "PHP", "SGD",
    "THB", "ZAR",
)  # fmt: skip
RETIRED = {"HRK": date(2023, 1, 1), "RUB": date(2022, 3, 2), "BGN": date(2026, 1, 1)}
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<gesmes:Envelope '
    'xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
    'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">\n'
    "<gesmes:subject>Reference rates</gesmes:subject>\n<Cube>\n"
)
HISTORY_DAYS = 700


def answer(request: Request) -> bytes:
    """The file that the address names: 90 days, or the history since late 2024."""
    if request.url.endswith(".zip"):
        return _zip(_fixing_days(HISTORY_DAYS))
    return _xml(_fixing_days(90))


def _fixing_days(back: int) -> list[date]:
    """Weekdays, newest first."""
    days = (LAST - timedelta(days=number) for number in range(back))
    return [day for day in days if day.weekday() < 5]


def _rate(currency: str, day: date) -> str:
    if day >= RETIRED.get(currency, date.max):
        return "N/A"
    base = 10 ** (CURRENCIES.index(currency) % 4)
    return f"{base * (1 + (day.toordinal() * 7919 % 1000) / 10_000):.4f}"


def _xml(days: list[date]) -> bytes:
    cubes = "".join(f'<Cube time="{day}">\n{_cubes_of(day)}</Cube>\n' for day in days)
    return f"{HEAD}{cubes}</Cube>\n</gesmes:Envelope>\n".encode()


def _cubes_of(day: date) -> str:
    """XML leaves out what the CSV marks as N/A."""
    rates = {currency: _rate(currency, day) for currency in CURRENCIES}
    return "".join(
        f'<Cube currency="{currency}" rate="{rate}"/>\n' for currency, rate in rates.items() if rate != "N/A"
    )


def _zip(days: list[date]) -> bytes:
    lines = [",".join(("Date", *CURRENCIES, ""))]
    lines += [",".join((day.isoformat(), *(_rate(c, day) for c in CURRENCIES), "")) for day in days]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo("eurofxref-hist.csv", (LAST.year, LAST.month, LAST.day, 16, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, "\n".join(lines) + "\n")
    return content.getvalue()
