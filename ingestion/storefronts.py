"""Storefronts that are looked at while an episode lasts, beside those of the watchlist.

Belongs here: countries with the IANA zone of their store days. Does not belong here: when they are asked
(`orchestration.defs.episodes`). A migration shows in more countries than the one where it was seen first; an
ordinary day needs no more than the watchlist.
"""

from __future__ import annotations

MORE_STOREFRONTS: tuple[tuple[str, str], ...] = (
    ("AE", "Asia/Dubai"),
    ("AR", "America/Argentina/Buenos_Aires"),
    ("AT", "Europe/Vienna"),
    ("AU", "Australia/Sydney"),
    ("BE", "Europe/Brussels"),
    ("BR", "America/Sao_Paulo"),
    ("CH", "Europe/Zurich"),
    ("CL", "America/Santiago"),
    ("DE", "Europe/Berlin"),
    ("DK", "Europe/Copenhagen"),
    ("FI", "Europe/Helsinki"),
    ("HK", "Asia/Hong_Kong"),
    ("ID", "Asia/Jakarta"),
    ("IN", "Asia/Kolkata"),
    ("KR", "Asia/Seoul"),
    ("MX", "America/Mexico_City"),
    ("MY", "Asia/Kuala_Lumpur"),
    ("NL", "Europe/Amsterdam"),
    ("NO", "Europe/Oslo"),
    ("NZ", "Pacific/Auckland"),
    ("PH", "Asia/Manila"),
    ("PL", "Europe/Warsaw"),
    ("SE", "Europe/Stockholm"),
    ("SG", "Asia/Singapore"),
    ("TH", "Asia/Bangkok"),
    ("TR", "Europe/Istanbul"),
    ("TW", "Asia/Taipei"),
    ("VN", "Asia/Ho_Chi_Minh"),
    ("ZA", "Africa/Johannesburg"),
)
