"""What both of GDELT's upstreams say in the same way: languages and the names of moments.

Belongs here: what at least two modules of GDELT need. Does not belong here: the format of either.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import unquote

STEP = timedelta(minutes=15)
"""GDELT gathers what it has read into batches of a quarter of an hour."""
STAMP = "%Y%m%d%H%M%S"
_CUTS = (0, 4, 6, 8, 10, 12, 14)

# ISO 639-1; the codes that GDELT may use (ISO 639-2, of either kind); GDELT's name.
_LANGUAGES = (
    "en eng English|ar ara Arabic|zh zho chi cmn Chinese|es spa Spanish|fr fra fre French|"
    "de deu ger German|ru rus Russian|pt por Portuguese|it ita Italian|ja jpn Japanese|ko kor Korean|"
    "vi vie Vietnamese|id ind Indonesian|ms msa may Malay|th tha Thai|tr tur Turkish|pl pol Polish|"
    "nl nld dut Dutch|sv swe Swedish|no nor nob Norwegian|nn nno|da dan Danish|fi fin Finnish|"
    "is isl ice Icelandic|cs ces cze Czech|sk slk slo Slovak|sl slv Slovenian|hr hrv Croatian|"
    "sr srp Serbian|bs bos Bosnian|mk mkd mac Macedonian|bg bul Bulgarian|ro ron rum Romanian|"
    "hu hun Hungarian|el ell gre Greek|sq sqi alb Albanian|uk ukr Ukrainian|be bel Belarusian|"
    "et est Estonian|lv lav Latvian|lt lit Lithuanian|he heb Hebrew|fa fas per Persian|ur urd Urdu|"
    "hi hin Hindi|bn ben Bengali|pa pan Punjabi|gu guj Gujarati|mr mar Marathi|ne nep Nepali|"
    "si sin Sinhalese|ta tam Tamil|te tel Telugu|kn kan Kannada|ml mal Malayalam|my mya bur Burmese|"
    "km khm Khmer|lo lao Lao|mn mon Mongolian|kk kaz Kazakh|uz uzb Uzbek|az aze Azerbaijani|"
    "hy hye arm Armenian|ka kat geo Georgian|ps pus Pashto|ku kur Kurdish|sw swa Swahili|"
    "so som Somali|am amh Amharic|ha hau Hausa|yo yor Yoruba|ig ibo Igbo|zu zul Zulu|xh xho Xhosa|"
    "af afr Afrikaans|ca cat Catalan|gl glg Galician|eu eus baq Basque|tl tgl fil Tagalog|"
    "ga gle Irish|cy cym wel Welsh|mt mlt Maltese"
)
_CODES = {
    name.lower(): code
    for code, *names in (entry.split() for entry in _LANGUAGES.split("|"))
    for name in (code, *names)
}


def language_code(name: str) -> str | None:
    """ISO 639-1 code of a language, by its ISO 639 code or GDELT's English name.

    A code of three letters that is not known stays as it is; None for nothing and for other names.
    """
    name = name.strip().lower()
    if name in _CODES:
        return _CODES[name]
    return name if len(name) == 3 and name.isascii() and name.isalpha() else None


def moment(stamp: str) -> datetime | None:
    """The instant of `YYYYMMDDHHMMSS`, which GDELT means in UTC; None if it is none."""
    if len(stamp) != 14 or not stamp.isascii() or not stamp.isdigit():
        return None
    year, month, day, hour, minute, second = (int(stamp[start:end]) for start, end in pairwise(_CUTS))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def words_of_path(address: str) -> str:
    """The path of an address as words, for the matcher; its host names the outlet, its query anything."""
    page = address.partition("://")[2] or address
    return _BETWEEN_WORDS.sub(" ", unquote(page.partition("?")[0].partition("#")[0].partition("/")[2]))


_BETWEEN_WORDS = re.compile(r"[-_/.+]+")
