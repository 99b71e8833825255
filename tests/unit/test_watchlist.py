"""The watchlist: what it accepts, what it says of mistakes, and the rows that come of it."""

from __future__ import annotations

import pytest

from ingestion.contract import ColumnType
from ingestion.errors import WatchlistError
from ingestion.settings import WATCHLIST
from ingestion.tables import RAW_TABLES, WATCHLIST_TABLES
from ingestion.watchlist import parse_watchlist, watchlist_rows

SMALL = """
platforms:
  here:
    name: Here
    owner: owner_inc
    kind: social
    apps:
      app_store: {id: "123", status: verified, name: Here}
    aliases:
      - {alias: Here Social, language: mul, kind: brand}
      - {alias: Here, language: en, kind: brand, ambiguous: true, context: 'app'}
    wikipedia:
      - {title: Here_(app), primary: true}
  there:
    name: There
    kind: social
companies:
  owner_inc:
    {name: Owner, role: platform_owner, cik: "0000000001",
     exchange: XNAS, symbol: OWN, currency: USD, benchmark: SPY}
  index: {name: Index, role: benchmark, exchange: ARCX, symbol: SPY, currency: USD}
storefronts:
  "US": America/New_York
episodes:
  here_to_there:
    title: From here to there
    origin: here
    geography: US
    window_start: 2025-01-06
    window_end: 2025-02-28
    destinations: [there]
"""


def edited(*changes: tuple[str, str]) -> bytes:
    """The small watchlist with some text replaced."""
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def test_the_small_watchlist_is_right() -> None:
    ids = parse_watchlist(SMALL.encode()).ids()
    assert ids.platforms == {"here", "there"}
    assert ids.companies == {"owner_inc", "index"}
    assert ids.episodes == {"here_to_there"}


def test_one_block_of_yaml_adds_a_platform() -> None:
    block = "platforms:\n  new_place: {name: New Place, kind: social}\n"
    watchlist = parse_watchlist(edited(("platforms:\n", block), ("[there]", "[there, new_place]")))
    assert "new_place" in watchlist.ids().platforms
    rows = watchlist_rows(watchlist)
    assert {"episode_id": "here_to_there", "platform_id": "new_place"} in rows["watch_episode_platforms"]
    assert "new_place" in {row["platform_id"] for row in rows["watch_platforms"]}


CONTEXT_WITHOUT_AMBIGUITY = ("kind: brand, ambiguous: true, context", "kind: brand, context")
SECOND_APP = ("    kind: social\ncompanies", "    kind: social\n    apps: {app_store: APP}\ncompanies")
SECOND_ALIAS = ("    kind: social\ncompanies", "    kind: social\n    aliases: [ALIAS]\ncompanies")


def feed(rest: str, outlet: str = "outlet: A, ") -> tuple[str, str]:
    return ("storefronts:", f"feeds:\n  news: {{{outlet}language: en, {rest}}}\nstorefronts:")


MISTAKES = {
    "unknown owner": ([("owner: owner_inc", "owner: nobody")], "platforms.here.owner", "companies"),
    "misspelt key": ([("kind: social\n    apps", "knd: social\n    apps")], "platforms.here.knd", "spelling"),
    "missing key": ([("    kind: social\ncompanies", "companies")], "platforms.there.kind", "Add the key"),
    "id in capitals": ([("  there:", "  There:")], "platforms.There", "pattern"),
    "unquoted store id": ([('id: "123"', "id: 123")], "apps.app_store.id", "quote"),
    "unquoted cik": ([('"0000000001"', "0000000001")], "companies.owner_inc.cik", "quote"),
    "unknown store": ([("app_store: {id", "fridge: {id")], "platforms.here.apps.fridge", "app_store"),
    "package in the App Store": ([('"123"', '"com.here"')], "apps.app_store.id", "numeric"),
    "unknown with an id": ([("verified", "unknown")], "app_store.status", "without an id"),
    "verified without an id": ([('id: "123", ', "")], "app_store.status", "without an id"),
    "store id of another": (
        [(SECOND_APP[0], SECOND_APP[1].replace("APP", '{id: "123", status: verified, name: There}'))],
        "platforms.there.apps.app_store.id",
        "here",
    ),
    "alias twice": (
        [("alias: Here,", "alias: Here Social,"), ("language: en", "language: mul")],
        "platforms.here.aliases.1",
        "stands twice",
    ),
    "alias of another": (
        [(SECOND_ALIAS[0], SECOND_ALIAS[1].replace("ALIAS", "{alias: here, language: en, kind: brand}"))],
        "platforms.there.aliases.0",
        "mark both",
    ),
    "ambiguous without context": ([(", context: 'app'", "")], "platforms.here.aliases.1.context", "regular"),
    "context without ambiguity": ([CONTEXT_WITHOUT_AMBIGUITY], "aliases.1.context", "ambiguous: true"),
    "bad regular expression": ([("'app'", "'(app'")], "aliases.1.context", "not a regular expression"),
    "context of anything": ([("'app'", "'(app)?'")], "aliases.1.context", "matches any text"),
    "unknown braces": ([("'app'", "'{place}'")], "aliases.1.context", "{place} stands for nothing"),
    "unless of anything": ([("'app'}", "'app', unless: 'x*'}")], "aliases.1.unless", "matches any text"),
    "feed without the web": ([feed("url: news.example.com")], "feeds.news.url", "https://"),
    "feed twice": (
        [feed("url: https://a.example/x}\n  other: {outlet: A, language: en, url: https://a.example/x")],
        "feeds.other.url",
        "feeds.news",
    ),
    "feed in no zone": ([feed("url: https://a.example/x, zone: Mars")], "feeds.news.zone", "IANA"),
    "feed without outlet": (
        [feed("url: https://a.example/x", outlet="")],
        "feeds.news.outlet",
        "Add the key",
    ),
    "page without the web": (
        [("storefronts:", "articles: [{url: //a.example}]\nstorefronts:")],
        "articles.0.url",
        "https://",
    ),
    "language in words": ([("language: en", "language: english")], "aliases.1.language", "pattern"),
    "title with spaces": ([("Here_(app)", "Here (app)")], "wikipedia.0.title", "pattern"),
    "title of two": (
        [("role: benchmark,", "role: benchmark, wikipedia: [{title: Here_(app), primary: true}],")],
        "companies.index.wikipedia.0.title",
        "platforms.here.wikipedia.0",
    ),
    "two primary titles": (
        [("primary: true}", "primary: true}\n      - {title: Here, primary: true}")],
        "platforms.here.wikipedia.1.primary",
        "primary",
    ),
    "half a quote": ([("symbol: OWN, ", "")], "companies.owner_inc", "all three"),
    "unknown benchmark": ([("benchmark: SPY", "benchmark: QQQ")], "owner_inc.benchmark", "role benchmark"),
    "quote of another": (
        [("exchange: ARCX, symbol: SPY", "exchange: XNAS, symbol: OWN"), (", benchmark: SPY", "")],
        "companies.index.symbol",
        "owner_inc",
    ),
    "unknown role": ([("role: platform_owner", "role: king")], "companies.owner_inc.role", "benchmark"),
    "unknown zone": ([("America/New_York", "America/Atlantis")], "storefronts.US", "IANA"),
    "folder as zone": ([("America/New_York", "America")], "storefronts.US", "IANA"),
    "path as zone": ([("America/New_York", "../../etc/passwd")], "storefronts.US", "IANA"),
    "unknown origin": ([("origin: here", "origin: nowhere")], "here_to_there.origin", "platforms"),
    "unknown destination": ([("[there]", "[nowhere]")], "here_to_there.destinations.0", "platforms"),
    "destination is origin": ([("[there]", "[there, here]")], "destinations.1", "another platform"),
    "destination twice": ([("[there]", "[there, there]")], "destinations.1", "stands twice"),
    "no destination": ([("[there]", "[]")], "here_to_there.destinations", "at least 1"),
    "window backwards": ([("2025-02-28", "2025-01-05")], "here_to_there.window_end", "after the first"),
    "quoted day": ([("2025-02-28", '"2025-02-28"')], "here_to_there.window_end", "without quotes"),
    "geography without a zone": ([("geography: US", "geography: CA")], "geography", "storefronts"),
    "Norway unquoted": ([('"US": America', 'NO: Europe/Oslo\n  "US": America')], "storefronts", "text"),
}


@pytest.mark.parametrize(("changes", "path", "hint"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place_and_the_way_out(
    changes: list[tuple[str, str]], path: str, hint: str
) -> None:
    with pytest.raises(WatchlistError) as caught:
        parse_watchlist(edited(*changes))
    message = str(caught.value)
    assert "watchlist.yaml" in message
    assert path in message
    assert hint in message


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(WatchlistError, match="2 problems") as caught:
        parse_watchlist(edited(("owner: owner_inc", "owner: nobody"), ("[there]", "[nowhere]")))
    assert "platforms.here.owner" in caught.value.problem
    assert "episodes.here_to_there.destinations.0" in caught.value.problem


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no mapping"),
        (b"- a\n- b\n", "no mapping"),
        (b"platforms: [", "not readable as YAML"),
        (b"platforms: {}", "platforms"),
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"platforms: !!python/object/apply:os.getcwd []", "not readable as YAML"),
        (b"episodes: {a: {window_start: 2025-02-30}}", "not readable as YAML"),
        (b"platforms:\n  a: {name: A, kind: b}\n  a: {name: B, kind: b}\n", "'a' stands twice"),
        (b"[" * 5000, "not readable as YAML"),
    ],
    ids=["empty", "list", "broken", "no platform", "encoding", "object", "30 February", "key twice", "deep"],
)
def test_what_is_no_watchlist_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(WatchlistError, match=said):
        parse_watchlist(content)


def test_rows_have_the_columns_types_and_values_of_the_contracts() -> None:
    rows = watchlist_rows(parse_watchlist(WATCHLIST.read_bytes()))
    assert tuple(rows) == WATCHLIST_TABLES
    python = {ColumnType.TEXT: str, ColumnType.BOOLEAN: bool, ColumnType.DATE: str}
    for name, table_rows in rows.items():
        table = RAW_TABLES[name]
        assert table_rows, name
        for row in table_rows:
            assert tuple(row) == table.column_names
            for column in table.columns:
                value = row[column.name]
                assert isinstance(value, python[column.type]) or (value is None and not column.required)
                assert not column.allowed or value is None or value in column.allowed
        keys = [tuple(row[column] for column in table.key) for row in table_rows]
        assert len(keys) == len(set(keys)), name


@pytest.mark.parametrize(
    ("table", "column", "template", "old"),
    [
        ("watch_apps", "id_status", "status: {}, name: Here", "status: verified, name: Here"),
        ("watch_aliases", "alias_kind", "language: mul, kind: {}", "language: mul, kind: brand"),
        ("watch_companies", "role", "name: Owner, role: {}", "name: Owner, role: platform_owner"),
    ],
)
def test_the_watchlist_accepts_all_values_that_the_contract_allows(
    table: str, column: str, template: str, old: str
) -> None:
    (allowed,) = (c.allowed for c in RAW_TABLES[table].columns if c.name == column)
    for value in allowed:
        changes = [(old, template.format(value))]
        if value == "unknown":
            changes.append(('id: "123", ', ""))
        rows = watchlist_rows(parse_watchlist(edited(*changes)))[table]
        assert value in {row[column] for row in rows}


def test_names_that_are_ordinary_words_need_context() -> None:
    watchlist = parse_watchlist(WATCHLIST.read_bytes())
    aliases = {(row["platform_id"], row["alias"]): row for row in watchlist_rows(watchlist)["watch_aliases"]}
    for key in [
        ("threads", "Threads"),
        ("signal", "Signal"),
        ("flip", "Flip"),
        ("x", "X"),
        ("xiaohongshu", "RED"),
    ]:
        assert aliases[key]["is_ambiguous"] is True
        assert aliases[key]["context_pattern"]
