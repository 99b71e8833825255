"""The watchlist: which platforms, companies, storefronts and episodes are watched.

Belongs here: the shape of `watchlist.yaml`, what must hold between its parts, and its rows for the
`watch_*` tables. Does not belong here: reading the file from disk, and writing rows to the lake.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ingestion.contexts import FRAGMENTS, compiled, unknown_fragments
from ingestion.contract import WatchedIds
from ingestion.errors import WatchlistError

SOURCE = "watchlist.yaml"
SHOWN = 80
"""Characters of a wrong value that a message repeats."""

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]
Text = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Geography = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|global|unknown)$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Exchange = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Cik = Annotated[str, StringConstraints(pattern=r"^\d{10}$")]
Pattern = Annotated[str, AfterValidator(lambda text: "".join(text.splitlines()))]
"""May stand on several lines of a `|-` block; line breaks are no part of it."""
PageTitle = Annotated[str, StringConstraints(pattern=r"^\S+$")]

Store = Literal["app_store", "google_play"]


class _Entry(BaseModel):
    """Strict: nothing is converted, and a misspelt key is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class App(_Entry):
    """A store listing of a platform. `id` is the numeric id (App Store) or the package (Google Play)."""

    status: Literal["verified", "unverified", "unknown"]
    name: Text
    id: Text | None = None
    bundle: Text | None = None
    note: Text | None = None


class Alias(_Entry):
    """A name under which a platform is talked about.

    `context` and `unless` are regular expressions, see `ingestion.contexts`: what must stand near an
    ambiguous name, and what near a name shows that it is not meant. With `exact_case` the name counts as it
    is written.
    """

    alias: Text
    language: Language
    kind: Literal["brand", "former_brand", "transliteration", "translation", "nickname"]
    ambiguous: bool = False
    context: Pattern | None = None
    unless: Pattern | None = None
    exact_case: bool = False


class WikipediaTitle(_Entry):
    """A Wikipedia article that stands for a platform or company, title with underscores."""

    title: PageTitle
    primary: bool
    project: PageTitle = "en.wikipedia"


class Platform(_Entry):
    """A place where people are, or go to."""

    name: Text
    kind: Id
    owner: Id | None = None
    apps: dict[Store, App] = Field(default_factory=dict)
    aliases: list[Alias] = Field(default_factory=list)
    wikipedia: list[WikipediaTitle] = Field(default_factory=list)


class Company(_Entry):
    """An owner of platforms, or a company whose shares may move; listed ones have a quote."""

    name: Text
    role: Literal["platform_owner", "competitor", "beneficiary", "benchmark"]
    exchange: Exchange | None = None
    symbol: Text | None = None
    cik: Cik | None = None
    currency: Currency | None = None
    benchmark: Text | None = None
    wikipedia: list[WikipediaTitle] = Field(default_factory=list)


class Episode(_Entry):
    """A migration that is followed: from `origin` to `destinations`; both window days count."""

    title: Text
    origin: Id
    geography: Geography
    window_start: date
    window_end: date
    destinations: list[Id] = Field(min_length=1)


class Feed(_Entry):
    """A news feed (RSS, Atom or JSON Feed) of one outlet.

    `zone`: the IANA zone of the outlet, for dates without one. `outlet_in_title`: titles end in " - Outlet",
    as in feeds that gather several outlets.
    """

    url: Text
    outlet: Text
    language: Language
    zone: Text | None = None
    outlet_in_title: bool = False


class Page(_Entry):
    """A page whose text is read on demand. `article_id`: its row in `articles`, where there is one."""

    url: Text
    article_id: Text | None = None
    language: Language | None = None


class Watchlist(_Entry):
    """All that is watched. Storefronts map a country to the IANA zone of its store days."""

    platforms: dict[Id, Platform] = Field(min_length=1)
    companies: dict[Id, Company] = Field(default_factory=dict)
    storefronts: dict[Country, Text] = Field(default_factory=dict)
    episodes: dict[Id, Episode] = Field(default_factory=dict)
    feeds: dict[Id, Feed] = Field(default_factory=dict)
    articles: list[Page] = Field(default_factory=list)

    def ids(self) -> WatchedIds:
        """The ids that rows of other tables may name."""
        return WatchedIds(
            platforms=frozenset(self.platforms),
            companies=frozenset(self.companies),
            episodes=frozenset(self.episodes),
        )

    def only(self, platforms: Collection[str]) -> Watchlist:
        """These platforms and the storefronts alone: what a source that asks by platform needs to know."""
        chosen = {name: platform for name, platform in self.platforms.items() if name in platforms}
        others: dict[str, object] = {"companies": {}, "episodes": {}, "feeds": {}, "articles": []}
        return self.model_copy(update={"platforms": chosen, **others})


@dataclass(frozen=True)
class Problem:
    """One thing wrong: where in the file, what, and how to put it right."""

    path: str
    wrong: str
    remedy: str


def parse_watchlist(content: bytes) -> Watchlist:
    """Read and check a watchlist.

    Raises `WatchlistError` that names every problem found, each by its path in the file.
    """
    document = _read_yaml(content)
    try:
        watchlist = Watchlist.model_validate(document)
    except ValidationError as error:
        raise _watchlist_error(_shape_problems(error)) from error
    problems = list(
        chain(
            _app_problems(watchlist),
            _alias_problems(watchlist),
            _title_problems(watchlist),
            _company_problems(watchlist),
            _storefront_problems(watchlist),
            _episode_problems(watchlist),
            _address_problems(watchlist),
        )
    )
    if problems:
        raise _watchlist_error(problems)
    return watchlist


def watchlist_rows(watchlist: Watchlist) -> dict[str, list[dict[str, object]]]:
    """Rows of every `watch_*` table, with exactly the contract's columns; days as `YYYY-MM-DD`."""
    return {
        "watch_platforms": _platform_rows(watchlist),
        "watch_apps": _app_rows(watchlist),
        "watch_aliases": _alias_rows(watchlist),
        "watch_companies": _company_rows(watchlist),
        "watch_wikipedia_titles": _title_rows(watchlist),
        "watch_storefronts": [
            {"country": country, "store_zone": zone} for country, zone in watchlist.storefronts.items()
        ],
        "watch_episodes": _episode_rows(watchlist),
        "watch_episode_platforms": [
            {"episode_id": episode_id, "platform_id": destination}
            for episode_id, episode in watchlist.episodes.items()
            for destination in episode.destinations
        ],
    }


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a later key replace an earlier one in silence; here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice in one block", key.start_mark
                    )
                seen.add(key.value)
        return dict(super().construct_mapping(node, deep=deep))


def _read_yaml(content: bytes) -> object:
    """Content as plain data. ValueError is what the loader says of a day such as 2025-02-30."""
    try:
        document = yaml.load(content, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise WatchlistError(
            f"not readable as YAML: {problem}", source=SOURCE, remedy="Correct that place in the file."
        ) from error
    if not isinstance(document, dict):
        raise WatchlistError(
            "holds no mapping of platforms, companies, storefronts and episodes",
            source=SOURCE,
            remedy="Start it with `platforms:`, as in the file that comes with the project.",
        )
    return document


def _watchlist_error(problems: list[Problem]) -> WatchlistError:
    """One error for all problems; several stand on a line each."""
    if len(problems) == 1:
        only = problems[0]
        return WatchlistError(f"{only.path}: {only.wrong}", source=SOURCE, remedy=only.remedy)
    lines = "".join(f"\n- {problem.path}: {problem.wrong}. {problem.remedy}" for problem in problems)
    return WatchlistError(
        f"{len(problems)} problems:{lines}\n", source=SOURCE, remedy="Correct them and run again."
    )


def _shape_problems(error: ValidationError) -> list[Problem]:
    """What pydantic found, in the words of somebody who edits the file."""
    words = {
        "extra_forbidden": ("is not a key of this block", "Correct its spelling, or remove it."),
        "missing": ("is missing", "Add the key."),
    }
    remedies = {
        "string_type": 'Write it as text; quote what YAML takes for something else, such as "0001326801".',
        "bool_type": "Write true or false.",
        "date_type": "Write a day as YYYY-MM-DD, without quotes.",
    }
    problems = []
    for detail in error.errors(include_url=False):
        path = ".".join(str(part) for part in detail["loc"] if part != "[key]")
        said = f"{detail['msg']}; it is {str(detail['input'])[:SHOWN]!r}"
        wrong, remedy = words.get(detail["type"], (said, remedies.get(detail["type"], "Correct the value.")))
        problems.append(Problem(path, wrong, remedy))
    return problems


def _app_problems(watchlist: Watchlist) -> Iterator[Problem]:
    """Owners exist; ids fit their status and their store; no two platforms share one."""
    holders: dict[tuple[str, str], str] = {}
    forms = {"app_store": r"\d+", "google_play": r"[A-Za-z]\w*(\.\w+)+"}
    for platform_id, platform in watchlist.platforms.items():
        if platform.owner is not None and platform.owner not in watchlist.companies:
            yield Problem(
                f"platforms.{platform_id}.owner",
                f"the company {platform.owner} is not declared",
                "Add it under `companies`, or correct the id.",
            )
        for store, app in platform.apps.items():
            path = f"platforms.{platform_id}.apps.{store}"
            if (app.id is None) != (app.status == "unknown"):
                yield Problem(
                    f"{path}.status",
                    f"{app.status} does not fit {'a missing' if app.id is None else 'a given'} id",
                    "Use `unknown` without an id, `verified` or `unverified` with one.",
                )
            if app.id is None:
                continue
            if not re.fullmatch(forms[store], app.id):
                yield Problem(
                    f"{path}.id",
                    f"{app.id} is not an id of this store",
                    "The App Store has numeric ids, Google Play package names.",
                )
            holder = holders.setdefault((store, app.id), platform_id)
            if holder != platform_id:
                yield Problem(
                    f"{path}.id",
                    f"{app.id} is already the id of {holder}",
                    "One app belongs to one platform: correct one of the two.",
                )


def _alias_problems(watchlist: Watchlist) -> Iterator[Problem]:
    """Names stand once, ambiguous ones have a context, shared ones are ambiguous."""
    holders: dict[tuple[str, str], tuple[str, Alias]] = {}
    for platform_id, platform in watchlist.platforms.items():
        seen: set[tuple[str, str]] = set()
        for index, alias in enumerate(platform.aliases):
            path = f"platforms.{platform_id}.aliases.{index}"
            if (alias.alias, alias.language) in seen:
                yield Problem(
                    path, f"{alias.alias} ({alias.language}) stands twice here", "Remove one of the two."
                )
            seen.add((alias.alias, alias.language))
            yield from _context_problems(path, alias)
            name = (alias.alias.casefold(), alias.language)
            holder, held = holders.setdefault(name, (platform_id, alias))
            if holder != platform_id and not (alias.ambiguous and held.ambiguous):
                yield Problem(
                    path,
                    f"{alias.alias} ({alias.language}) is also an alias of {holder}",
                    "Remove one, or mark both `ambiguous: true` with a `context` each.",
                )


def _context_problems(path: str, alias: Alias) -> Iterator[Problem]:
    """An ambiguous name needs words around it, and only such a name has any."""
    if alias.ambiguous and alias.context is None:
        yield Problem(
            f"{path}.context",
            f"{alias.alias} is ambiguous and has no context",
            "Add a regular expression of words of which one must stand near the name.",
        )
    if alias.context is not None and not alias.ambiguous:
        yield Problem(
            f"{path}.context",
            f"{alias.alias} has a context but is not ambiguous",
            "Add `ambiguous: true`, or remove the context.",
        )
    for key, pattern in (("context", alias.context), ("unless", alias.unless)):
        if pattern is not None:
            yield from _pattern_problems(f"{path}.{key}", pattern)


def _pattern_problems(path: str, pattern: str) -> Iterator[Problem]:
    """A pattern is a regular expression whose braces are known, and it does not match everything."""
    if unknown := unknown_fragments(pattern):
        yield Problem(
            path,
            f"{{{unknown[0]}}} stands for nothing",
            f"In braces may stand {', '.join(FRAGMENTS)}.",
        )
        return
    try:
        matches_anything = compiled(pattern).search("") is not None
    except re.error as error:
        yield Problem(path, f"not a regular expression: {error}", "Correct the expression.")
        return
    if matches_anything:
        yield Problem(path, "matches any text", "Name at least one word that must stand near the name.")


def _titles(watchlist: Watchlist) -> Iterator[tuple[str, str, str, WikipediaTitle]]:
    """Subject type, subject id, path in the file and title, for all titles."""
    subjects: list[tuple[str, str, str, list[WikipediaTitle]]] = [
        ("platform", "platforms", platform_id, platform.wikipedia)
        for platform_id, platform in watchlist.platforms.items()
    ]
    subjects += [
        ("company", "companies", company_id, company.wikipedia)
        for company_id, company in watchlist.companies.items()
    ]
    for subject_type, block, subject_id, titles in subjects:
        for index, title in enumerate(titles):
            yield subject_type, subject_id, f"{block}.{subject_id}.wikipedia.{index}", title


def _title_problems(watchlist: Watchlist) -> Iterator[Problem]:
    """A page stands for one subject, and a subject has one primary page an edition."""
    pages: dict[tuple[str, str], str] = {}
    primaries: dict[tuple[str, str, str], str] = {}
    for subject_type, subject_id, path, title in _titles(watchlist):
        first = pages.setdefault((title.project, title.title), path)
        if first != path:
            yield Problem(
                f"{path}.title", f"{title.title} already stands at {first}", "Remove one of the two."
            )
        if not title.primary:
            continue
        first = primaries.setdefault((subject_type, subject_id, title.project), path)
        if first != path:
            yield Problem(
                f"{path}.primary",
                f"{subject_id} already has a primary page in {title.project}",
                "Leave `primary: true` at the article on the subject itself.",
            )


def _company_problems(watchlist: Watchlist) -> Iterator[Problem]:
    """Quotes are whole, no two companies share one, and benchmarks exist."""
    benchmarks = {company.symbol for company in watchlist.companies.values() if company.role == "benchmark"}
    quotes: dict[tuple[str, str], str] = {}
    ciks: dict[str, str] = {}
    for company_id, company in watchlist.companies.items():
        path = f"companies.{company_id}"
        given = [value is not None for value in (company.exchange, company.symbol, company.currency)]
        if any(given) and not all(given):
            yield Problem(
                path,
                "has only part of exchange, symbol and currency",
                "Give all three for a listed company, none for another.",
            )
        if company.benchmark is not None and company.benchmark not in benchmarks:
            yield Problem(
                f"{path}.benchmark",
                f"{company.benchmark} is not the symbol of a company with the role benchmark",
                "Add that company, or correct the symbol.",
            )
        if company.exchange is not None and company.symbol is not None:
            holder = quotes.setdefault((company.exchange, company.symbol), company_id)
            if holder != company_id:
                yield Problem(
                    f"{path}.symbol",
                    f"{company.exchange}:{company.symbol} is already the quote of {holder}",
                    "Correct one of the two.",
                )
        if company.cik is not None and (holder := ciks.setdefault(company.cik, company_id)) != company_id:
            yield Problem(
                f"{path}.cik", f"{company.cik} is already that of {holder}", "Correct one of the two."
            )


def _storefront_problems(watchlist: Watchlist) -> Iterator[Problem]:
    for country, zone in watchlist.storefronts.items():
        yield from _zone_problems(f"storefronts.{country}", zone)


def _zone_problems(path: str, zone: str) -> Iterator[Problem]:
    """Zones are known to the zone database."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # unknown; not a relative path; a folder of the database
        yield Problem(path, f"{zone} is not a time zone", "Write an IANA name, such as America/New_York.")


def _address_problems(watchlist: Watchlist) -> Iterator[Problem]:
    """Addresses are of the web and stand once; zones of feeds are known."""
    holders: dict[str, str] = {}
    addresses = [(f"feeds.{feed_id}", feed.url) for feed_id, feed in watchlist.feeds.items()]
    addresses += [(f"articles.{index}", page.url) for index, page in enumerate(watchlist.articles)]
    for path, url in addresses:
        if not re.fullmatch(r"https?://[^\s/]+\.[^\s]+", url):
            yield Problem(f"{path}.url", f"{url} is no address of the web", "Start it with https://.")
        if (holder := holders.setdefault(url, path)) != path:
            yield Problem(f"{path}.url", f"{url} already stands at {holder}", "Remove one of the two.")
    for feed_id, feed in watchlist.feeds.items():
        if feed.zone is not None:
            yield from _zone_problems(f"feeds.{feed_id}.zone", feed.zone)


def _episode_problems(watchlist: Watchlist) -> Iterator[Problem]:
    """Platforms are declared, nobody moves to where they are, and the window has days with a zone."""
    for episode_id, episode in watchlist.episodes.items():
        path = f"episodes.{episode_id}"
        named = [("origin", episode.origin)]
        named += [(f"destinations.{index}", name) for index, name in enumerate(episode.destinations)]
        for place, platform_id in named:
            if platform_id not in watchlist.platforms:
                yield Problem(
                    f"{path}.{place}",
                    f"the platform {platform_id} is not declared",
                    "Add it under `platforms`, or correct the id.",
                )
        for index, platform_id in enumerate(episode.destinations):
            if platform_id == episode.origin:
                yield Problem(
                    f"{path}.destinations.{index}",
                    f"{platform_id} is the origin itself",
                    "Remove it: a destination is another platform.",
                )
            if platform_id in episode.destinations[:index]:
                yield Problem(
                    f"{path}.destinations.{index}", f"{platform_id} stands twice", "Remove one of the two."
                )
        if episode.window_end < episode.window_start:
            yield Problem(f"{path}.window_end", "is before window_start", "Put the last day after the first.")
        if re.fullmatch(r"[A-Z]{2}", episode.geography) and episode.geography not in watchlist.storefronts:
            yield Problem(
                f"{path}.geography",
                f"the country {episode.geography} has no storefront, so its days have no zone",
                "Add it under `storefronts`.",
            )


def _platform_rows(watchlist: Watchlist) -> list[dict[str, object]]:
    return [
        {
            "platform_id": platform_id,
            "name": platform.name,
            "owner_company_id": platform.owner,
            "kind": platform.kind,
        }
        for platform_id, platform in watchlist.platforms.items()
    ]


def _app_rows(watchlist: Watchlist) -> list[dict[str, object]]:
    return [
        {
            "platform_id": platform_id,
            "store": store,
            "store_app_id": app.id,
            "bundle_id": app.bundle,
            "id_status": app.status,
            "app_name": app.name,
            "note": app.note,
        }
        for platform_id, platform in watchlist.platforms.items()
        for store, app in platform.apps.items()
    ]


def _alias_rows(watchlist: Watchlist) -> list[dict[str, object]]:
    return [
        {
            "platform_id": platform_id,
            "alias": alias.alias,
            "language": alias.language,
            "alias_kind": alias.kind,
            "is_ambiguous": alias.ambiguous,
            "context_pattern": alias.context,
        }
        for platform_id, platform in watchlist.platforms.items()
        for alias in platform.aliases
    ]


def _company_rows(watchlist: Watchlist) -> list[dict[str, object]]:
    return [
        {
            "company_id": company_id,
            "name": company.name,
            "exchange": company.exchange,
            "symbol": company.symbol,
            "cik": company.cik,
            "currency": company.currency,
            "benchmark_symbol": company.benchmark,
            "role": company.role,
        }
        for company_id, company in watchlist.companies.items()
    ]


def _title_rows(watchlist: Watchlist) -> list[dict[str, object]]:
    return [
        {
            "subject_type": subject_type,
            "subject_id": subject_id,
            "project": title.project,
            "title": title.title,
            "is_primary": title.primary,
        }
        for subject_type, subject_id, _, title in _titles(watchlist)
    ]


def _episode_rows(watchlist: Watchlist) -> list[dict[str, object]]:
    return [
        {
            "episode_id": episode_id,
            "title": episode.title,
            "origin_platform_id": episode.origin,
            "geography": episode.geography,
            "window_start": episode.window_start.isoformat(),
            "window_end": episode.window_end.isoformat(),
        }
        for episode_id, episode in watchlist.episodes.items()
    ]
