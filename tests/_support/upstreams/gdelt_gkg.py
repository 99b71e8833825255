"""GDELT's bulk files as they lie in Google's storage: lists of the newest files, and zipped GKG records.

Records are made up, in the 27 columns of the recordings. Some name a platform in title, entities or address,
in the ways that real ones do; `planted` says which.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ingestion.source import Request

ROWS = {"en": 40, "translated": 60}
LANGUAGES = ("zho", "spa", "fra", "vie", "por", "rus", "ces", "jpn")
SIZES = (4200, 31_000, 5_200_000)
THEMES = (
    "TAX_FNCACT",
    "MEDIA_SOCIAL",
    "EPU_POLICY_GOVERNMENT",
    "WB_678_DIGITAL_GOVERNMENT",
    "CRISISLEX_CRISISLEXREC",
)
PLACES = ("1#China#CH#CH##35#105#CH", "4#Moscow, Moskva, Russia#RS#RS48##55.7522#37.6156#-2960561")


@dataclass(frozen=True)
class Plant:
    """What an article says: `platforms` are those that it names."""

    title: str
    organizations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    slug: str = "council-approves-new-bridge"
    platforms: tuple[str, ...] = ()


PLANTS = (
    Plant("TikTok users download RedNote ahead of ban", platforms=("tiktok", "xiaohongshu")),
    Plant("美国用户涌入小红书", names=("Xiaohongshu",), platforms=("xiaohongshu",)),
    Plant("Ministers meet again", organizations=("Instagram", "Instagram"), platforms=("instagram",)),
    Plant("A quiet week", slug="why-people-leave-tiktok-now", platforms=("tiktok",)),
    Plant("What to know about Lemon8 &amp; others", names=("Lemon8",), platforms=("lemon8",)),
    Plant("Weather: PopupScrolled wins boat race", slug="popupscrolled-wins"),
    Plant("Red Cross opens shelter", organizations=("Red Cross",)),
)
DULL = Plant("Council approves new bridge", names=("City Council",))
SHARE_PLANTED = 0.25


def answer(request: Request) -> bytes:
    """A list of the newest files, or the file of a batch."""
    if request.url.endswith(".txt"):
        return newest_files(request)
    return file_of(request.url)


def newest_files(request: Request) -> bytes:
    """The three files of the last batch of the request's day; names are spelled as GDELT spells them."""
    infix = ".translation" if "translation" in request.url else ""
    stem = f"http://data.gdeltproject.org/gdeltv2/{request.day:%Y%m%d}234500{infix}"
    base = request.url.rpartition("/")[0]
    gkg = file_of(f"{base}/{request.day:%Y%m%d}234500{infix}.gkg.csv.zip")
    lines = [
        f"{SIZES[0]} {hashlib.md5(b'export').hexdigest()} {stem}.export.CSV.zip",
        f"{SIZES[1]} {hashlib.md5(b'mentions').hexdigest()} {stem}.mentions.CSV.zip",
        f"{len(gkg)} {hashlib.md5(gkg).hexdigest()} {stem}.gkg.csv.zip",
    ]
    return ("\n".join(lines) + "\n").encode()


def planted(url: str) -> Counter[str]:
    """How many articles of a file name each platform."""
    return Counter(platform for plant in _plants(url) for platform in plant.platforms)


@lru_cache(maxsize=8)
def file_of(url: str) -> bytes:
    """A zip file with one member, the same for the same address."""
    name = url.rpartition("/")[2]
    content = "".join(f"{line}\n" for line in _lines(url)).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name.removesuffix(".zip"), date_time=(2025, 1, 15, 0, 0, 0))
        archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def rows_in(url: str) -> int:
    """How many records a file has."""
    return ROWS["translated" if "translation" in url else "en"]


def _chance(url: str) -> random.Random:
    return random.Random(url.rpartition("/")[2])


def _plants(url: str) -> list[Plant]:
    chance = _chance(url)
    return [chance.choice(PLANTS) if chance.random() < SHARE_PLANTED else DULL for _ in range(rows_in(url))]


def _lines(url: str) -> Iterator[str]:
    found = re.search(r"(\d{14})\.(translation\.)?", url)
    batch, is_translated = (found[1], bool(found[2])) if found else ("20250115000000", False)
    chance = _chance(url)
    for number, plant in enumerate(_plants(url)):
        yield "\t".join(_columns(plant, batch, number, is_translated=is_translated, chance=chance))


def _columns(
    plant: Plant, batch: str, number: int, *, is_translated: bool, chance: random.Random
) -> list[str]:
    outlet = f"outlet{chance.randrange(500)}.example"
    record = f"{batch}-{'T' if is_translated else ''}{number}"
    themes = [f"{theme},{chance.randrange(5000)}" for theme in THEMES]
    organizations = [f"{name},{chance.randrange(5000)}" for name in plant.organizations]
    names = [f"{name},{chance.randrange(5000)}" for name in (*plant.names, "Maria Example")]
    tone = [f"{chance.gauss(0, 3):.14f}" for _ in range(6)] + [str(chance.randrange(80, 1500))]
    gcam = [f"c{chance.randrange(1, 40)}.{n}:{chance.randrange(1, 60)}" for n in range(150)]
    title = "".join(c if c.isascii() else f"&#x{ord(c):X};" for c in plant.title)
    published = f"<PAGE_PRECISEPUBTIMESTAMP>{batch}</PAGE_PRECISEPUBTIMESTAMP>" if number % 3 else ""
    source = f"srclc:{LANGUAGES[number % len(LANGUAGES)]};eng:GT-XXX 1.0" if is_translated else ""
    return [
        *(record, batch, "1", outlet, f"https://www.{outlet}/news/{batch}/{plant.slug}-{number}.html"),
        *("", "", "".join(f"{theme};" for theme in THEMES), "".join(f"{theme};" for theme in themes)),
        *(PLACES[0], f"{PLACES[0]}#{chance.randrange(5000)}", "maria example", "Maria Example,17"),
        *(";".join(name.lower() for name in plant.organizations), ";".join(organizations)),
        *(",".join(tone), "", f"wc:{tone[-1]}," + ",".join(gcam), f"https://www.{outlet}/image.jpg"),
        *("", "", "", "", ";".join(names), "3,people,120;", source),
        f"<PAGE_LINKS>https://facebook.com/sharer;https://twitter.com/intent</PAGE_LINKS>{published}"
        f"<PAGE_TITLE>{title}</PAGE_TITLE>",
    ]
