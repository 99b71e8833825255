"""GKG 2.1 files of GDELT: unpacks them in a stream, and sifts the lines that may name a watched platform.

Belongs here: the format of the file, and finding the few lines worth reading among all of them, fast and in
constant memory. Does not belong here: what a line says (`ingestion.sources.gdelt_gkg`), and whether it really
names a platform (`ingestion.mentions`): the sieve lets through too much, never too little.

A record is a line of 27 columns without quotes or header. What real files have beside that:

- a page's title may hold a line break: a line without a tab continues the last column of the one before;
- titles are escaped (`V&#xFD;roba`), which is undone while unpacking: no pattern finds 小红书 in escapes;
- bytes that are no UTF-8, and line ends in the middle of a line: repaired, and counted.
"""

from __future__ import annotations

import html
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple

from ingestion.source import MEBIBYTE, WrongAnswerError
from ingestion.unpacking import open_zip_member

if TYPE_CHECKING:
    import duckdb

    from ingestion.watchlist import Alias, Watchlist

COLUMNS = (
    "record",
    "batch",
    "collection",
    "outlet",
    "url",
    "counts",
    "enhanced_counts",
    "themes",
    "enhanced_themes",
    "locations",
    "enhanced_locations",
    "lower_persons",
    "persons",
    "lower_organizations",
    "organizations",
    "tone",
    "dates",
    "gcam",
    "sharing_image",
    "related_images",
    "image_embeds",
    "video_embeds",
    "quotations",
    "names",
    "amounts",
    "translation",
    "extras",
)
"""All columns in order. `persons`, `organizations` and `names` have offsets: `Name,offset;Name,offset`."""

MAX_LINE_BYTES = MEBIBYTE
MAX_CONTINUATIONS = 50
_MAX_REPAIRED_BYTES = 4 * MEBIBYTE
"""A byte that is no UTF-8 becomes a sign of three bytes."""
MAX_ODD_LINES = 10_000
"""More lines than this that are no record are another format."""
SHOWN_CHARACTERS = 500

_TABS = len(COLUMNS) - 1
_RECORD = re.compile(rb"[0-9]{14}-T?[0-9]+")
_LAST_COLUMNS = re.compile(rb"(?:srclc:[^\t]*)?\t(?:\s*<.*)?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


# --- unpacking ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OddLine:
    """A line that is no record. `position`: its number in the file, from 1."""

    position: int
    text: str
    reason: str


@dataclass
class Unpacked:
    """What came out of a file: `records` lie at `path`, a line each; the rest is `odd`.

    `repaired`: records that had bytes that are no UTF-8. `continued`: lines that went on with a record.
    """

    path: Path
    records: int = 0
    repaired: int = 0
    continued: int = 0
    odd: list[OddLine] = field(default_factory=list)


@contextmanager
def unpacked(archive: Path, max_unpacked_bytes: int) -> Iterator[Unpacked]:
    """The records of a zipped file, in a file beside the archive that is gone afterwards.

    Never more than a chunk and a line in memory. Raises `WrongAnswerError`: as `open_zip_member`, for a
    line of more than `MAX_LINE_BYTES`, and for content that is another format throughout.
    """
    with tempfile.NamedTemporaryFile(dir=archive.parent, prefix=".gkg-", suffix=".tmp") as records:
        result = Unpacked(Path(records.name))
        with open_zip_member(archive, max_unpacked_bytes) as stream:
            _Writer(result, records).write_all(stream)
        records.flush()
        if result.odd and not result.records:
            raise _another_format(result)
        yield result


def _another_format(result: Unpacked) -> WrongAnswerError:
    return WrongAnswerError(
        f"{len(result.odd)} lines of the GKG file are no records of {len(COLUMNS)} columns; "
        f"the first: {result.odd[0].reason}",
        is_retriable=False,
    )


class _Writer:
    """Writes records as they come. The last one waits: the next line may continue it."""

    def __init__(self, result: Unpacked, out: IO[bytes]) -> None:
        self._result = result
        self._out = out
        self._position = 0
        self._waiting = b""
        self._continuations = 0

    def write_all(self, stream: BinaryIO) -> None:
        rest = b""
        while chunk := stream.read(MEBIBYTE):
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            if len(rest) > MAX_LINE_BYTES:
                raise WrongAnswerError(
                    f"a line of the GKG file has more than {MAX_LINE_BYTES} bytes", is_retriable=False
                )
            self._take(lines)
        self._take([rest])
        self._write([self._waiting] if self._waiting else [])

    def _take(self, lines: Iterable[bytes]) -> None:
        ready: list[bytes] = []
        for line in lines:
            self._position += 1
            record = line if line.count(b"\t") == _TABS else _without_new_columns(line)
            if record is not None:
                if self._waiting:
                    ready.append(self._waiting)
                self._waiting, self._continuations = record, 0
            elif line.strip():
                self._take_odd(line)
        self._write(ready)

    def _take_odd(self, line: bytes) -> None:
        if b"\t" not in line and self._waiting and self._continuations < MAX_CONTINUATIONS:
            self._waiting = (self._waiting + b" " + line)[:MAX_LINE_BYTES]
            self._continuations += 1
            self._result.continued += 1
            return
        columns = line.count(b"\t") + 1
        text = line[: 4 * SHOWN_CHARACTERS].decode(errors="replace")[:SHOWN_CHARACTERS]
        self._result.odd.append(
            OddLine(self._position, text, f"the line has {columns} columns instead of {len(COLUMNS)}")
        )
        if len(self._result.odd) > MAX_ODD_LINES:
            raise _another_format(self._result)

    def _write(self, lines: list[bytes]) -> None:
        self._result.records += len(lines)
        block = b"\n".join([*(_unescaped(line) if b"&" in line else line for line in lines), b""])
        if b"\r" in block:
            block = block.replace(b"\r", b" ")
        try:
            block.decode()
        except UnicodeDecodeError:
            block = b"\n".join(map(self._repaired, block.split(b"\n")))
        self._out.write(block)

    def _repaired(self, line: bytes) -> bytes:
        try:
            line.decode()
        except UnicodeDecodeError:
            self._result.repaired += 1
            return line.decode(errors="replace").encode()
        return line


def _unescaped(record: bytes) -> bytes:
    """A record with its last column, where the title is, unescaped."""
    before, tab, extras = record.rpartition(b"\t")
    if b"&" not in extras:
        return record
    text = _CONTROL.sub(" ", html.unescape(extras.decode(errors="surrogateescape")))
    return before + tab + text.encode(errors="surrogateescape")


def _without_new_columns(line: bytes) -> bytes | None:
    """A line with columns behind the known ones, cut to those; None if it rather has a tab in a column."""
    fields = line.split(b"\t", len(COLUMNS))
    if len(fields) <= len(COLUMNS) or not _RECORD.fullmatch(fields[0]):
        return None
    last, new = b"\t".join(fields[_TABS - 1 : _TABS + 1]), fields[-1]
    if b"<PAGE_" in new or not _LAST_COLUMNS.fullmatch(last):
        return None
    return b"\t".join(fields[: len(COLUMNS)])


# --- sifting --------------------------------------------------------------------------------------


class Candidate(NamedTuple):
    """A record that may name a platform. `published` is the page's own time; what is missing is empty.

    `hits`: entities that look like a name. `has_title_hit`, `has_page_hit`: whether title or address do.
    """

    record: str
    batch: str
    outlet: str
    url: str
    tone: str
    translation: str
    title: str
    published: str
    organizations: str
    persons: str
    names: str
    hits: list[str]
    has_title_hit: bool
    has_page_hit: bool

    @property
    def has_entity_hit(self) -> bool:
        """Whether the entities do, too: names with accents are not among the `hits`."""
        return bool(self.hits) or not f"{self.organizations}{self.persons}{self.names}".isascii()


@dataclass(frozen=True)
class Sifted:
    """What a file is made of.

    `articles` are different addresses, `repeated` records of an address that came before, `citations`
    records without one. `candidates`: records that may name a platform, in order.
    """

    articles: int
    repeated: int
    citations: int
    candidates: list[Candidate]


def sift(records: Path, pattern: str) -> Sifted:
    """Reads a file of records once, and keeps those with an address whose title, entities or address match.

    `pattern` is that of `sieve_pattern`. Raises `WrongAnswerError` if the records cannot be read.
    """
    import duckdb

    query = _SIFT.format(
        file=_literal(str(records)),
        columns=", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS),
        max_line_bytes=_MAX_REPAIRED_BYTES,
        title=_bare("title"),
        entities=_bare("entities"),
        page=_bare("page"),
        any=_literal(f"(?i){pattern}"),
        hit=_literal(f"(?i)[^;]*(?:{pattern})[^;]*"),
    )
    try:
        with _database().cursor() as con:
            row = con.execute(query).fetchone()
    except duckdb.Error as error:
        raise WrongAnswerError(
            f"the GKG records cannot be read: {str(error).splitlines()[0]}", is_retriable=False
        ) from error
    total, with_address, articles, found = row or (0, 0, 0, None)
    candidates = sorted((Candidate(*values) for values in found or ()), key=_place)
    return Sifted(articles, with_address - articles, total - with_address, candidates)


_SIFT = r"""
    WITH records AS (
        SELECT
            *,
            split_part(split_part(extras, '<PAGE_TITLE>', 2), '</PAGE_TITLE>', 1) AS title,
            split_part(split_part(extras, '<PAGE_PRECISEPUBTIMESTAMP>', 2), '</', 1) AS published,
            split_part(split_part(url, '?', 1), '://', 2) AS packed_page,
            concat_ws(';', organizations, persons, names) AS entities
        FROM read_csv(
            {file}, columns = {{{columns}}}, delim = '\t', quote = '', escape = '', comment = '',
            header = false, auto_detect = false, new_line = '\n', nullstr = '',
            max_line_size = {max_line_bytes}, buffer_size = {max_line_bytes}
        )
    ),
    texts AS (
        SELECT
            *,
            CASE
                WHEN contains(packed_page, '%') THEN coalesce(try(url_decode(packed_page)), packed_page)
                ELSE packed_page
            END AS page,
            starts_with(lower(url[:8]), 'http://') OR starts_with(lower(url[:8]), 'https://') AS has_address
        FROM records
    ),
    glanced AS (
        SELECT
            *,
            CASE
                WHEN has_address THEN regexp_matches(concat_ws(';', {title}, {entities}, {page}), {any})
                ELSE false
            END AS may_name
        FROM texts
    ),
    looked_at AS (
        SELECT
            *,
            CASE WHEN may_name THEN regexp_matches({title}, {any}) END AS has_title_hit,
            CASE WHEN may_name THEN regexp_matches({page}, {any}) END AS has_page_hit,
            CASE WHEN may_name THEN regexp_extract_all(entities, {hit}) END AS hits
        FROM glanced
    )
    SELECT
        count(*),
        count(*) FILTER (has_address),
        count(DISTINCT hash(url)) FILTER (has_address),
        list(row(
            coalesce(record, ''), coalesce(batch, ''), coalesce(outlet, ''), url, coalesce(tone, ''),
            coalesce(translation, ''), coalesce(title, ''), coalesce(published, ''),
            coalesce(organizations, ''), coalesce(persons, ''), coalesce(names, ''), coalesce(hits, []),
            coalesce(has_title_hit, false), coalesce(has_page_hit, false)
        )) FILTER (may_name)
    FROM looked_at
"""


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One a process, with a thread for each core. Records come in any order; that of the file is restored."""
    import duckdb

    return duckdb.connect(config={"preserve_insertion_order": False, "enable_external_file_cache": False})


def _place(candidate: Candidate) -> tuple[str, int, str, str]:
    """The place of a record in its file, which its name ends with: `20150218230000-T12`."""
    batch, _, number = candidate.record.rpartition("-")
    return batch, len(number), number, candidate.url


def _bare(column: str) -> str:
    """A column without accents and without what nobody sees; most texts have neither, and are left alone."""
    return (
        f"CASE WHEN strlen({column}) > length({column}) "
        f"THEN regexp_replace(strip_accents({column}), '{_INVISIBLE}', '', 'g') ELSE {column} END"
    )


def _literal(text: str) -> str:
    """`text` as SQL, for want of a parameter: at the first of a process DuckDB's client imports pandas."""
    return "'" + text.replace("'", "''") + "'"


# --- the pattern ----------------------------------------------------------------------------------

_SEPARATOR = r"[\s\x{a0}\x{2000}-\x{200a}\x{2010}-\x{2015}\x{202f}\x{3000}·._+/-]+"
_DISGUISED = (
    r"[\x{1d2c}-\x{1d6a}\x{2070}-\x{209c}\x{2102}-\x{2115}\x{2119}-\x{211d}\x{212c}-\x{2139}"
    r"\x{2460}-\x{24ff}\x{fb00}-\x{fb06}\x{ff01}-\x{ff9f}\x{1d400}-\x{1d7ff}\x{1f130}-\x{1f189}]"
)
"""Letters that only the matcher sees through: full-width, mathematical, circled. Texts with any of them are
let through."""
_INVISIBLE = r"[\x{ad}\x{61c}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{206f}\x{feff}]"


def sieve_pattern(watchlist: Watchlist) -> str:
    """A regular expression (RE2, to be used without regard to case) of all names on the watchlist.

    For texts without accents. Ambiguous names must be whole words; what stands around them is not looked at.
    """
    aliases = [alias for platform in watchlist.platforms.values() for alias in platform.aliases]
    return "|".join([*sorted(set(map(_name_pattern, aliases))), _DISGUISED])


def _name_pattern(alias: Alias) -> str:
    name = _without_marks(alias.alias)
    is_in_capitals = alias.exact_case and name.isupper()
    words = re.split(r"[\s-]+", name if is_in_capitals else name.lower())
    pattern = _SEPARATOR.join(re.escape(word) for word in words if word)
    if alias.ambiguous and name.isascii():
        pattern = rf"\b{pattern}\b"
    return f"(?-i:{pattern})" if is_in_capitals else pattern


def _without_marks(text: str) -> str:
    """As `strip_accents` of DuckDB does it, in every script."""
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize(
        "NFC", "".join(c for c in decomposed if not unicodedata.category(c).startswith("M"))
    )
