"""Copies of one story: the many addresses of an article, and the many articles that tell the same.

Belongs here: which addresses are one article, and which articles are near-duplicates, so that ten copies of
a wire story count as one story and ten outlets. Does not belong here: reading articles, and the lake.

A normalised address identifies an article. It opens in a browser nearly always, but it is not the address
that was given: it is always https, without "www." and without the hosts and paths of mobile and AMP editions.

Two articles tell one story if they are in one language, at most `WINDOW_DAYS` apart, and their titles are
nearly the same with no word that tells them apart (`ingestion.titles`), or one is the cut-off beginning of
the other; or if their texts are nearly the same, whatever their titles. Translations and rewrites are stories
of their own: they are not copies. MinHash finds pairs worth comparing, and each is compared in full, so that
its chance decides nothing but what is compared; its seed is fixed. Articles at one address are one article,
whatever their titles.

A story is named by its first article, unless whoever gave an article also says which story it tells. Stories
follow from all articles at once, whatever the order in which they came: a late article may tie two stories
together. So nothing is named while articles are loaded; `int_story_clusters` of the dbt project does it.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from ingestion.folding import fold
from ingestion.titles import Title, tell_apart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shingles: TypeAlias = "NDArray[np.uint32]"
"""Checksums of the pieces of a text, in order and each once: a fraction of the memory of the pieces."""

WINDOW_DAYS = 3
ALIKE = 0.7
"""Share of common shingles of two titles (Jaccard) from which on they are one."""
ALIKE_TEXTS = 0.6
SHINGLE = 5
"""Letters of a shingle; of Chinese and Japanese, which say more in each letter, `SHINGLE_CJK`."""
SHINGLE_CJK = 2
WORDS_OF_TEXT = 4
"""Words of a shingle of a text."""
BEGINNING = 28
"""Letters that a cut-off title must have left; of Chinese and Japanese, `BEGINNING_CJK`."""
BEGINNING_CJK = 12
LEAST_WORDS = 4
"""Titles of fewer words ("Live updates") are told apart by their texts alone."""
LEAST_CJK = 8
EXACT_PRECISIONS = ("minute", "day")
"""Values of `published_precision` with which `published_date` is the day itself."""
LINK = "link"
"""The `relation` of a row that only points to an article."""
GATHERING_SITES = frozenset({"news.google.com"})
"""Hosts with the articles of many outlets, which are told apart by their names."""
SEED = 20250113
BANDS, ROWS = 32, 3
"""Pairs that share half of their shingles are compared with a chance of 98 %, from 60 % on nearly always."""

ID_LETTERS = 16
_MAX_PASSES = 12

_EDITIONS = frozenset({"m", "mobile", "mobil", "amp", "wap", "3g"})
_WWW = re.compile(r"www\d?\.")
_AMP_SEGMENTS = frozenset({"amp", "amphtml"})
_AMP_ENDING = re.compile(r"(?<=.)\.amp(?=\.html?$|$)")
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
_TITLE_REST = re.compile(r"(?:%20| )title=$", re.IGNORECASE)  # at the end of some of GDELT's addresses
_CACHE_PATH = re.compile(r"/(?:amp/)?(?:[cvi]/)?s/(.+)")
_TRACKERS = re.compile(
    r"""utm_.+|stm_.+|mtm_.+|pk_(?:campaign|kwd|source|medium)|piwik_.+|hsa_.+|_hs(?:enc|mi)|mc_[ce]id|mkt_tok
    |(?:fb|g|d|tw|y|ys|tt)clid|gclsrc|gbraid|wbraid|msclkid|igshid|igsh|li_fat_id|vero_id
    |_ga|_gl|gaa_.+|at_(?:campaign|medium|custom.+|link.+|format|bbc.+|ptr_name|send_date)|xtor|ns_.+|cmpid|cmp
    |ocid|ito|icid|smid|smtyp|sh|sr_share|share|shareid|share_id|spm|scm|ref|ref_src|ref_url|referrer|referer
    |src|source|fbadid|ftag|__twitter_impression|guccounter|guce_referrer.*|from_source|from|wt_mc|wtmc|tpcc
    |rss|rssid|feed(?:type|name)?|partner|traffic_source|taid|trk|trkinfo|partnerid|oc|amp_.+|usqp|aoh|csi""",
    re.VERBOSE,
)
_MAYBE_TRACKERS = frozenset({"src", "source", "ref", "share"})
"""Parameters that say who came how, unless their value is a bare number: that may be the article's own."""
_ROUTE = re.compile(r"!|/.")
"""The beginning of a fragment that says what a page of one address shows."""
# Parameters that ask for the AMP edition; None: whatever their value.
_AMP_VALUES = {"amp": None, "outputtype": "amp", "output": "amp", "type": "amp", "mode": "amp", "view": "amp"}

# --- addresses ------------------------------------------------------------------------------------


def normalise_url(url: str) -> str:
    """The address that identifies an article; the same for an address that is normalised already.

    What is not an http address comes back without spaces around it and otherwise as it is.
    """
    normal = url.strip()
    for _ in range(_MAX_PASSES):  # what one rule takes away may lay another open
        before, normal = normal, _once(_unwrapped(normal))
        if normal == before:
            break
    return normal


def article_id(url: str) -> str:
    """Names an article by where it is."""
    return hashlib.sha256(normalise_url(url).encode()).hexdigest()[:ID_LETTERS]


def host_of(url: str) -> str:
    """Host of an http address, without "www."; empty where there is none."""
    try:
        return _WWW.sub("", (urlsplit(url).hostname or ""), count=1)
    except ValueError:
        return ""


def _once(url: str) -> str:
    from w3lib.url import canonicalize_url

    try:
        parts = urlsplit(canonicalize_url(_TITLE_REST.sub("", url)))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return url
        host = _host(parts)
    except ValueError:
        return url
    path = _path(parts.path)
    query = _query(parts.query)
    if not query:
        path = _INDEX.sub("/", path)
    fragment = urlsplit(url).fragment
    shown = fragment if _ROUTE.match(fragment) else ""
    return urlunsplit(("https", host, path.rstrip("/") if path != "/" else path, query, shown))


def _unwrapped(url: str) -> str:
    """The address inside that of an AMP cache: Google's, Bing's, or on cdn.ampproject.org."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    host = (parts.hostname or "").lower()
    is_viewer = re.fullmatch(r"(?:www\.)?(?:google(?:\.[a-z]{2,3}){1,2}|bing\.com)", host) is not None
    is_cache = host.endswith("cdn.ampproject.org")
    found = _CACHE_PATH.fullmatch(parts.path)
    if not found or not (is_cache or (is_viewer and parts.path.startswith("/amp/"))):
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"https://{unquote(found[1])}{query}"


def _host(parts: SplitResult) -> str:
    """Host without what names an edition, and with its port where that is not the usual one."""
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    host = _WWW.sub("", host, count=1)
    labels = host.split(".")
    for place in range(min(2, len(labels) - 2)):
        shorter = ".".join(labels[:place] + labels[place + 1 :])
        if labels[place] in _EDITIONS:
            host = _WWW.sub("", shorter, count=1)
            break
    port = parts.port
    return host if port in (None, 80, 443) else f"{host}:{port}"


def _path(path: str) -> str:
    segments = [_AMP_ENDING.sub("", segment) for segment in path.split("/")]
    kept = [segment for segment in segments if segment]
    if len(kept) > 1 and kept[-1].lower() in _AMP_SEGMENTS:
        kept.pop()
    elif len(kept) > 1 and kept[0].lower() in _AMP_SEGMENTS:
        kept.pop(0)
    return "/" + "/".join(kept)


def _query(query: str) -> str:
    """Parameters that say what is shown, in order; those that say who came how are left out."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    kept = sorted((name, value) for name, value in pairs if not _says_how(name, value))
    return urlencode(kept, errors="surrogateescape")


def _says_how(name: str, value: str) -> bool:
    name = name.lower()
    if name in _AMP_VALUES:
        return _AMP_VALUES[name] in (None, value.lower())
    if name in _MAYBE_TRACKERS and value.isdecimal():
        return False
    return _TRACKERS.fullmatch(name) is not None or (not name and not value)


# --- stories --------------------------------------------------------------------------------------


_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_UPDATE = re.compile(
    r"^(?:update \d+|exclusive|breaking|watch|video|corrected|refile)\s*[-:–—]\s*", re.IGNORECASE
)
_TAIL = re.compile(r"^(.{10,}?)\s*(?:\s[|–—-]|[|_])\s*([^|_]{2,40})$")
_TAIL_WORDS = 4
_DATED_TAIL = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day(?:['’]s)? "
    r"(?:edition|briefing|update|recap|round-?up|newsletter|report|live|results|hints|answers|notes)",
    re.IGNORECASE,
)
"""What stands where the outlet's name would, and tells issues of a series apart."""
_CUT = re.compile(r"\s*(?:\.\.\.|…|\[…\])$")
_WORD = re.compile(r"[^\W_]+")
_FRONT_PAGE = re.compile(r"(?:https?://[^/]*/?)?")
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Article:
    """What is compared. `day` is that of publication, `at` its instant (aware) where it is known.

    `text`, where there is one, is not kept anywhere. `url`: where it is; `is_link`: it only points there.
    `story`: which one it tells, where that is given.
    """

    article_id: str
    title: str | None
    language: str | None = None
    day: date | None = None
    outlet: str | None = None
    text: str | None = field(default=None, repr=False)
    at: datetime | None = None
    url: str | None = None
    is_link: bool = False
    story: str | None = None

    @cached_property
    def normal_url(self) -> str:
        """The normalised address; empty where there is none."""
        return normalise_url(self.url or "")

    @property
    def address(self) -> str | None:
        """The address that identifies the article; None for a site's front page, which tells many."""
        return None if _FRONT_PAGE.fullmatch(self.normal_url) else self.normal_url

    @cached_property
    def words(self) -> str:
        """The title as it is compared: words in comparable form, without what outlets add."""
        return " ".join(self.heading.words)

    @cached_property
    def heading(self) -> Title:
        """The title without what outlets add, as it is told apart from others."""
        return Title(fold(_bare_title(self.title or "", self.outlet)).plain)

    @cached_property
    def is_cjk(self) -> bool:
        """Whether the title is Chinese or Japanese, mostly."""
        return len(_CJK.findall(self.words)) * 3 > len(self.words)

    @cached_property
    def letters(self) -> str:
        """The title without spaces where its script needs none."""
        return self.words.replace(" ", "") if self.is_cjk else self.words

    @cached_property
    def is_telling(self) -> bool:
        """Whether the title is long enough to stand for one story only."""
        if self.is_cjk:
            return len(self.letters) >= LEAST_CJK
        return self.words.count(" ") + 1 >= LEAST_WORDS

    @cached_property
    def shingles(self) -> Shingles:
        """Overlapping pieces of the title."""
        return _checksums(_pieces(self.letters, SHINGLE_CJK if self.is_cjk else SHINGLE))

    @cached_property
    def beginning(self) -> str | None:
        """What a cut-off copy of the title has in common with it; None for a shorter title."""
        length = BEGINNING_CJK if self.is_cjk else BEGINNING
        return self.letters[:length] if len(self.letters) >= length else None

    @cached_property
    def text_shingles(self) -> Shingles:
        """Overlapping pieces of the text; of Chinese and Japanese, as many letters as words."""
        words = _WORD.findall(fold(self.text or "").lower)
        parts = list("".join(words)) if self.is_cjk else words
        return _checksums(
            " ".join(parts[at : at + WORDS_OF_TEXT]) for at in range(len(parts) - WORDS_OF_TEXT + 1)
        )

    @property
    def order(self) -> tuple[date, bool, datetime, str]:
        """Earlier first; without a day last; of a day, articles before links and instants before none."""
        return (self.day or date.max, self.is_link, self.at or _NEVER, self.article_id)


class Telling(NamedTuple):
    """An article and its story. `address` is the same for all rows of an article; `site` for an outlet's."""

    article_id: str
    story_cluster_id: str
    is_first_telling: bool
    address: str
    site: str


def cluster(articles: Iterable[Article]) -> dict[str, str]:
    """The story of each article, by its id. The order in which they are given does not matter.

    It is the story that is given with the article; else the first that is given with a copy of it; else it
    has the id of the first of the copies. The first article of a story comes first.
    """
    ordered = sorted(articles, key=lambda article: article.order)
    stories: dict[str, str] = {}
    for members in _components(ordered):
        given = next((member.story for member in members if member.story), None)
        for member in members:
            stories[member.article_id] = member.story or given or members[0].article_id
    return {article.article_id: stories[article.article_id] for article in ordered}


def tellings(rows: Iterable[Mapping[str, Any]]) -> list[Telling]:
    """Which story each row of `articles` tells, in no order that means anything.

    Of a row that does not know the day of its publication counts the day on which it was seen.
    """
    articles = [_article(row) for row in rows]
    stories = cluster(articles)
    firsts: dict[str, str] = {}
    for name, story in stories.items():
        firsts.setdefault(story, name)
    return [
        Telling(
            article_id=article.article_id,
            story_cluster_id=stories[article.article_id],
            is_first_telling=firsts[stories[article.article_id]] == article.article_id,
            address=article.normal_url,
            site=_site(article),
        )
        for article in articles
    ]


def _article(row: Mapping[str, Any]) -> Article:
    is_exact = row["published_precision"] in EXACT_PRECISIONS and row["published_date"]
    return Article(
        article_id=row["article_id"],
        title=row["title"],
        language=row["language"],
        day=row["published_date"] if is_exact else row["observed_at"].date(),
        outlet=row["outlet"],
        at=row["published_at"] and row["published_at"].replace(tzinfo=UTC),
        url=row["url"],
        is_link=row["relation"] == LINK,
        story=row["story_cluster_id"],
    )


def _site(article: Article) -> str:
    host = host_of(article.normal_url)
    return host if host and host not in GATHERING_SITES else (article.outlet or host)


def _components(ordered: Sequence[Article]) -> Iterator[list[Article]]:
    """Articles that are tied together by copies, in the order in which they come."""
    parents = list(range(len(ordered)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for one, other in _candidates(ordered):
        first, second = sorted((root(one), root(other)))
        if first != second and is_copy(ordered[one], ordered[other]):
            parents[second] = first
    members: dict[int, list[Article]] = {}
    for place, article in enumerate(ordered):
        members.setdefault(root(place), []).append(article)
    yield from members.values()


def is_copy(one: Article, other: Article) -> bool:
    """Whether two articles tell the same story in the same words."""
    if one.day and other.day and abs((one.day - other.day).days) > WINDOW_DAYS:
        return False
    if one.address and one.address == other.address:
        return True
    if one.language and other.language and one.language != other.language:
        return False
    return _has_same_text(one, other) or (one.is_telling and other.is_telling and _has_same_title(one, other))


def _has_same_title(one: Article, other: Article) -> bool:
    if one.letters == other.letters:
        return True
    shorter, longer = sorted((one, other), key=lambda article: len(article.letters))
    if shorter.beginning and longer.letters.startswith(shorter.letters):
        return shorter.heading.marks <= longer.heading.marks
    is_alike = _jaccard(one.shingles, other.shingles) >= ALIKE
    return is_alike and not tell_apart(one.heading, other.heading)


def _has_same_text(one: Article, other: Article) -> bool:
    return _jaccard(one.text_shingles, other.text_shingles) >= ALIKE_TEXTS


def _jaccard(one: Shingles, other: Shingles) -> float:
    import numpy as np

    common = np.intersect1d(one, other, assume_unique=True).size
    return float(common / (one.size + other.size - common)) if common else 0.0


def _candidates(articles: Sequence[Article]) -> Iterator[tuple[int, int]]:
    """Places of pairs that are worth comparing."""
    yield from _in_chains(articles, lambda article: article.address)
    yield from _in_chains(articles, lambda article: article.letters and (article.letters, article.language))
    yield from _in_chains(
        articles, lambda article: article.beginning and (article.beginning, article.language)
    )
    yield from _near(articles, lambda article: article.shingles if article.is_telling else None)
    yield from _near(articles, lambda article: article.text_shingles if article.text else None)


def _in_chains(articles: Sequence[Article], key: Callable[[Article], object]) -> Iterator[tuple[int, int]]:
    """Articles with the same key, each with the next: enough to tie any number of copies together."""
    chains: dict[object, list[int]] = {}
    for place, article in enumerate(articles):
        if value := key(article):
            chains.setdefault(value, []).append(place)
    for places in chains.values():
        yield from pairwise(places)


def _near(
    articles: Sequence[Article], pieces: Callable[[Article], Shingles | None]
) -> Iterator[tuple[int, int]]:
    """Pairs that share many pieces, by MinHash; of those that share all on one day, the first stands for all.

    `articles` are in their order, so that those of days that are over leave the index.
    """
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-untyped]

    empty = MinHash(num_perm=BANDS * ROWS, seed=SEED, hashfunc=int)
    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    indexed: deque[int] = deque()
    firsts: dict[tuple[bytes, date | None, str | None], int] = {}
    for place, article in enumerate(articles):
        found = pieces(article)
        if found is None or not found.size:
            continue
        first = firsts.setdefault((found.tobytes(), article.day, article.language), place)
        if first != place:
            yield first, place
            continue
        while indexed and _is_over(articles[indexed[0]], article):
            index.remove(indexed.popleft())
        sketch = empty.copy()
        sketch.update_batch(found)
        for other in sorted(index.query(sketch)):
            yield other, place
        index.insert(place, sketch)
        indexed.append(place)


def _is_over(earlier: Article, later: Article) -> bool:
    """Whether no article from `later` on can be a copy of `earlier`, but for those without a day."""
    return bool(earlier.day and later.day and later.day - earlier.day > timedelta(days=WINDOW_DAYS))


def _bare_title(title: str, outlet: str | None) -> str:
    """A title without "UPDATE 2-" before it, and without its outlet and dots behind it."""
    title = _CUT.sub("", _UPDATE.sub("", " ".join(title.split())))
    found = _TAIL.match(title)
    if found is None:
        return title
    head, tail = found.groups()
    names_outlet = outlet is not None and fold(tail).lower == fold(outlet).lower
    is_short = len(tail.split()) <= _TAIL_WORDS and not any(map(str.isdigit, tail))
    return head if names_outlet or (is_short and not _DATED_TAIL.search(tail)) else title


def _pieces(text: str, length: int) -> Iterator[str]:
    """All overlapping pieces; a text that is no longer than one is a piece itself."""
    for start in range(max(1, len(text) - length + 1)):
        yield text[start : start + length]


def _checksums(pieces: Iterable[str]) -> Shingles:
    import numpy as np

    return np.unique(np.fromiter((zlib.crc32(piece.encode()) for piece in pieces), dtype=np.uint32))
