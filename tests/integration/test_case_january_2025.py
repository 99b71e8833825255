"""The bundled case against the facts it was written from: nothing lost, nothing doubled, nothing altered."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from ingestion.contract import OBSERVED_AT, ColumnType
from ingestion.mentions import Matcher
from ingestion.settings import CASES, WATCHLIST
from ingestion.sources._gdelt import words_of_path
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import parse_watchlist, watchlist_rows

CASE = CASES / "january_2025"
EPISODE = "tiktok_refugees_2025"
TABLES = (
    "chart_captures",
    "chart_entries",
    "articles",
    "article_claims",
    "article_mentions",
    "news_volume",
    "attention",
    "price_bars",
    "fx_rates",
    "published_metrics",
    "platform_events",
)
EACH_TABLE = pytest.mark.parametrize("name", TABLES)

PLATFORMS = {"RedNote": "xiaohongshu", "rednote": "xiaohongshu", "PAFACA": "tiktok", "tiktok.com": "tiktok"}
TOPICS = {"google_trends:Red Note": "Red Note", "google_trends:RedNote": "RedNote"}
CHARTS = {
    "appstore_free_social": ("app_store", "top_free_social"),
    "appstore_free_overall": ("app_store", "top_free_overall"),
    "appstore_free_apps": ("app_store", "top_free_apps"),
    "gplay_free": ("google_play", "top_free_overall"),
}
EVENTS = {
    "event_law_signed": "pafaca_signed",
    "event_dc_circuit_upholds": "dc_circuit_upholds",
    "event_scotus_oral_argument": "scotus_oral_argument",
    "event_report_full_shutdown_planned": "shutdown_reported",
    "event_scotus_upholds_ban": "scotus_upholds",
    "event_delisted": "delisted_us",
    "event_dark_start_utc": "service_dark",
    "event_service_restored_utc": "service_restored",
    "event_eo_75_day_delay": "executive_order_75_days",
    "event_relisted": "relisted_us",
}
MARKET_EVENTS = {"scotus_agrees_to_hear": "F089", "executive_order_reported": "F092"}
"""Events that the notes of facts on shares tell as what moved them."""
IN_NOTES = {
    ("google_play", "top_free_overall", "US", "2025-01-24", "deepseek", 133),
    ("google_play", "top_free_overall", "US", "2025-01-21", "xiaohongshu", 1),
    ("app_store", "top_free_apps", "US", "2025-01-15", "duolingo", 20),
}
"""Positions that the notes of facts F038, F033 and F045 tell beside the value."""
FROM_DOCUMENTS = {"D001", "D002"}
"""Statements from the comparison of sources in the project's documents, not from the facts."""
FROM_RECORDING = {f"D{number:03}" for number in range(3, 12)}
"""Statements from the recorded article of 14 January: what RedNote is, and whose TikTok and Lemon8 are."""
COMPANIES = {"tencent": {"xiaohongshu"}, "alibaba": {"xiaohongshu"}, "bytedance": {"tiktok", "lemon8"}}
"""Of whom something is said when a company is the subject."""
BESIDE_VALUES = {
    "F066b": ("dau_wow_pct", "-2.1", "-2.1% WoW"),
    "F076b": ("downloads_year", "74610000", "FoxData says 74.61M"),
    "F076c": ("app_store_share_of_downloads_pct", "52", "52% App Store"),
    "F076d": ("app_store_share_of_downloads_pct", "38", "28.07 iOS"),
}
"""Figures that the notes of facts F066 and F076 tell beside the value, and where."""
BESIDE_FACTS = FROM_DOCUMENTS | FROM_RECORDING | set(BESIDE_VALUES)
NORMALISED = {
    "dau_lt": "dau",
    "rank_max": "rank_at_most",
    "peak_daily_new_users_2025-01-21": "peak_daily_new_users",
}


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (CASE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def facts_file(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "facts" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def facts(shared: Path) -> list[dict[str, str]]:
    return [row for row in facts_file(shared, "published_facts.csv") if row["episode"] == EPISODE]


def platform_of(entity: str) -> str:
    return PLATFORMS.get(entity, entity.lower())


# Form


def test_the_folder_holds_the_case_and_nothing_else() -> None:
    assert {path.name for path in CASE.iterdir()} == {"case.yaml", *(f"{name}.csv" for name in TABLES)}
    case = yaml.safe_load((CASE / "case.yaml").read_text(encoding="utf-8"))
    assert case["name"] == CASE.name
    assert case["title"]
    assert case["description"]
    assert case["observed_at"] == "2026-11-01T00:00:00Z"


@EACH_TABLE
def test_a_header_names_columns_of_the_contract(name: str) -> None:
    table = RAW_TABLES[name]
    header = tuple(rows(name)[0])
    known = {*table.column_names, OBSERVED_AT.name}
    assert set(header) <= known
    assert {column.name for column in table.columns if column.required} <= set(header)
    assert header == tuple(column for column in table.column_names if column in header)


@EACH_TABLE
def test_cells_fit_the_contract(name: str) -> None:
    forms = {
        ColumnType.TEXT: r"\S(.*\S)?",
        ColumnType.INTEGER: r"-?\d+",
        ColumnType.NUMBER: r"-?\d+(\.\d+)?",
        ColumnType.BOOLEAN: "true|false",
        ColumnType.DATE: r"\d{4}-\d{2}-\d{2}",
        ColumnType.INSTANT: r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z",
    }
    for row in rows(name):
        for column in RAW_TABLES[name].columns:
            value = row.get(column.name) or ""
            if not value:
                assert not column.required, (column.name, row)
                continue
            assert re.fullmatch(forms[column.type], value), (column.name, row)
            assert not column.allowed or value in column.allowed, (column.name, row)


@EACH_TABLE
def test_keys_are_unique_and_in_order(name: str) -> None:
    def key(row: dict[str, str]) -> tuple[str | int, ...]:
        return tuple(int(row[column]) if column == "rank" else row[column] for column in RAW_TABLES[name].key)

    keys = [key(row) for row in rows(name)]
    assert len(keys) == len(set(keys))
    assert keys == sorted(keys)


@EACH_TABLE
def test_files_are_utf_8_with_lf(name: str) -> None:
    content = (CASE / f"{name}.csv").read_bytes()
    assert b"\r" not in content
    assert not content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8").endswith("\n")


@EACH_TABLE
def test_every_platform_company_and_episode_is_on_the_watchlist(name: str) -> None:
    ids = parse_watchlist(WATCHLIST.read_bytes()).ids()
    known = {"platform": ids.platforms, "company": ids.companies}
    for row in rows(name):
        assert (row.get("platform_id") or "tiktok") in ids.platforms, row
        assert (row.get("episode_id") or EPISODE) in ids.episodes, row
        if row.get("subject_type") in known:
            assert row["subject_id"] in known[row["subject_type"]], row


def test_no_sentence_of_others_is_kept(shared: Path) -> None:
    quotes = {row["short_quote"] for row in facts_file(shared, "claims_jan_2025.csv")}
    quotes = {" ".join(quote.lower().split()) for quote in quotes}
    assert len(quotes) > 40
    for path in CASE.iterdir():
        text = " ".join(path.read_text(encoding="utf-8").lower().split())
        assert not [quote for quote in quotes if quote in text], path.name


# Charts


def test_every_published_rank_is_there_once(shared: Path) -> None:
    expected = Counter(
        (
            *CHARTS[fact["source_or_chart"]],
            country,
            fact["observed_date"],
            platform_of(fact["entity"]),
            int(fact["value"]),
        )
        for fact in facts(shared)
        if fact["metric"] == "rank"
        for country in fact["geo"].split("|")
    )
    expected.update(IN_NOTES)
    found = Counter(
        (row["store"], row["chart"], row["country"], row["store_date"], row["platform_id"], int(row["rank"]))
        for row in rows("chart_entries")
    )
    assert found == expected
    assert set(found.values()) == {1}


def test_ranks_beyond_a_depth_are_captures_without_an_entry(shared: Path) -> None:
    expected = {
        (*CHARTS[fact["source_or_chart"]], fact["observed_date"], platform_of(fact["entity"]), fact["value"])
        for fact in facts(shared)
        if fact["metric"] == "rank_gt"
    }
    expected.add(("google_play", "top_free_overall", "2025-02-14", "capcut", "25"))
    with_entries = {row["capture_id"] for row in rows("chart_entries")}
    found = {
        (row["store"], row["chart"], row["store_date"], row["platform_id"], row["depth"])
        for row in rows("chart_captures")
        if row["capture_id"] not in with_entries
    }
    assert found == expected


def test_captures_and_entries_agree() -> None:
    captures = {row["capture_id"]: row for row in rows("chart_captures")}
    for entry in rows("chart_entries"):
        capture = captures[entry["capture_id"]]
        assert all(entry[name] == capture[name] for name in ("store", "country", "chart", "store_date"))
        if capture["scope"] == "app":
            assert (entry["platform_id"], entry["rank"]) == (capture["platform_id"], capture["depth"])
    (whole,) = (row for row in captures.values() if row["scope"] == "chart")
    ranks = [row["rank"] for row in rows("chart_entries") if row["capture_id"] == whole["capture_id"]]
    assert ranks == [str(rank) for rank in range(1, int(whole["depth"]) + 1)]


def test_captures_keep_their_source(shared: Path) -> None:
    by_id = {fact["fact_id"]: fact for fact in facts(shared)}
    for row in rows("chart_captures"):
        fact = by_id[re.findall(r"F\d{3}", row["note"])[0]]
        assert row["confidence"] == fact["confidence"]
        assert row["published_date"] == fact["published_date"]
        assert row["source_url"] == (fact["url"] if fact["url"].startswith("http") else "")


# Events


def test_every_event_is_there_with_its_platforms(shared: Path) -> None:
    dated = {EVENTS[fact["metric"]]: fact for fact in facts(shared) if fact["metric"].startswith("event_")}
    assert set(dated) == set(EVENTS.values())
    found = Counter(row["event_id"] for row in rows("platform_events"))
    assert found == Counter(
        {
            **dict.fromkeys([*dated, *MARKET_EVENTS], 1),
            "rednote_number_one": 1,
            "delisted_us": 3,
            "relisted_us": 3,
        }
    )
    by_id = {fact["fact_id"]: fact for fact in facts(shared)}
    for row in rows("platform_events"):
        if row["event_id"] in dated:
            fact = dated[row["event_id"]]
            assert (row["event_date"], row["confidence"]) == (fact["observed_date"], fact["confidence"])
            assert row["source_url"] == fact["url"]
        if row["event_id"] in MARKET_EVENTS:
            fact = by_id[MARKET_EVENTS[row["event_id"]]]
            assert (row["confidence"], row["source_url"]) == (fact["confidence"], fact["url"])
            assert row["is_market_event"] == "true"


def test_the_day_of_an_event_is_that_of_its_instant_in_its_zone() -> None:
    for row in rows("platform_events"):
        assert bool(row["event_at"]) == bool(row["event_at_precision"])
        if row["event_at"]:
            instant = datetime.fromisoformat(row["event_at"])
            assert instant.astimezone(ZoneInfo(row["event_zone"])).date().isoformat() == row["event_date"]


# Published metrics


def expected_statements(shared: Path) -> list[tuple[str, str, str, str, str]]:
    """Fact, subject, metric, geography and value of what is neither an exact rank nor an event."""
    watched = parse_watchlist(WATCHLIST.read_bytes()).ids().platforms
    found = []
    for fact in facts(shared):
        if fact["metric"] in {"rank", "rank_gt"} or fact["metric"].startswith("event_"):
            continue
        for entity in fact["entity"].split("|"):
            subject = platform_of(entity) if platform_of(entity) in watched else TOPICS.get(entity, entity)
            for place in fact["geo"].split("|"):
                named = bool(re.fullmatch(r"[A-Z]{2}|global", place))
                found.append(
                    (
                        fact["fact_id"],
                        subject,
                        NORMALISED.get(fact["metric"], fact["metric"]),
                        place if named else "unknown",
                        "1" if fact["metric"] == "peak_date" else fact["value"],
                    )
                )
    return found


def test_every_other_statement_is_there_once(shared: Path) -> None:
    found = [
        (
            row["statement_id"][:4],
            row["subject_id"],
            row["metric"],
            row["geography"],
            f"{row['value_low']}-{row['value_high']}" if row["value_low"] else row["value"],
        )
        for row in rows("published_metrics")
        if row["statement_id"] not in BESIDE_FACTS
    ]
    assert sorted(found) == sorted(expected_statements(shared))


def test_a_platform_is_the_subject_of_what_is_said_of_it() -> None:
    for row in rows("published_metrics"):
        if row["subject_type"] == "platform":
            assert row["subject_id"] == row["platform_id"]
        else:
            told_of = {"topic": {"xiaohongshu"}, "company": COMPANIES.get(row["subject_id"]), "symbol": {""}}
            assert row["platform_id"] in (told_of[row["subject_type"]] or ())


def test_statements_keep_their_source_and_day(shared: Path) -> None:
    by_id = {fact["fact_id"]: fact for fact in facts(shared)}
    for row in rows("published_metrics"):
        if row["statement_id"] in BESIDE_VALUES:
            continue
        if row["statement_id"] in BESIDE_FACTS:
            assert row["confidence"] == ("C" if row["statement_id"] in FROM_DOCUMENTS else "B")
            continue
        fact = by_id[row["statement_id"][:4]]
        assert row["confidence"] == fact["confidence"]
        assert row["publisher"] == fact["publisher_seen"]
        assert row["unit"] == ("flag" if fact["metric"] == "peak_date" else fact["unit"])
        assert row["source_url"] == (fact["url"].split(" ")[0] if fact["url"].startswith("http") else "")
        assert fact["original_source"].startswith(row["provider"])
        assert row["published_date"] in (fact["published_date"], "")
        assert row["observed_date"].startswith(fact["observed_date"])


def test_figures_beside_a_value_stand_in_its_note(shared: Path) -> None:
    by_id = {fact["fact_id"]: fact for fact in facts(shared)}
    told = {row["statement_id"]: row for row in rows("published_metrics")}
    for statement, (metric, value, phrase) in BESIDE_VALUES.items():
        row, fact = told[statement], by_id[statement[:4]]
        assert (row["metric"], row["value"]) == (metric, value)
        assert phrase in fact["note"]
        if row["provider"] == fact["original_source"]:
            assert (row["confidence"], row["source_url"]) == (fact["confidence"], fact["url"])
        else:
            assert (row["confidence"], row["source_url"]) == ("C", "")
            assert "Address not known" in row["note"]


def test_what_platforms_are_stands_in_the_recorded_article(shared: Path) -> None:
    text = (shared / "recordings" / "article" / "efe_2025-01-14_xiaohongshu.txt").read_text(encoding="utf-8")
    told = {
        row["statement_id"]: row for row in rows("published_metrics") if row["statement_id"] in FROM_RECORDING
    }
    assert set(told) == FROM_RECORDING
    phrases = {
        "D003": ("mau", "300000000", "300 million"),
        "D004": ("share_of_women_pct", "79", "79%"),
        "D005": ("launch_year", "2013", "2013"),
        "D006": ("valuation", "17000000000", "$17 billion"),
        "D007": ("profit_year", "1000000000", "$1 billion"),
        "D008": ("investor", "1", "Tencent"),
        "D009": ("investor", "1", "Alibaba"),
        "D010": ("owner", "1", "TikTok’s parent company, the Chinese technology company ByteDance"),
        "D011": ("owner", "1", "Lemon8, Xiaohongshu’s competitor developed precisely by TikTok’s parent"),
    }
    for statement, (metric, value, phrase) in phrases.items():
        assert (told[statement]["metric"], told[statement]["value"]) == (metric, value)
        assert phrase in text
        assert (told[statement]["provider"], told[statement]["published_date"]) == ("EFE", "2025-01-14")
    assert told["D007"]["value_bound"] == ">"


def test_a_bound_is_not_an_equality() -> None:
    bounds = {row["statement_id"]: row["value_bound"] for row in rows("published_metrics")}
    assert bounds["F063"] == "<"
    assert bounds["F064"] == "="
    assert bounds["F051"] == ">"


def test_users_of_rednote_in_the_us_differ_by_more_than_thirty() -> None:
    values = [
        float(row["value"])
        for row in rows("published_metrics")
        if row["platform_id"] == "xiaohongshu"
        and row["geography"] == "US"
        and row["unit"] in {"users", "downloads"}
        and "2025-01-19" <= row["observed_date"] <= "2025-01-21"
    ]
    assert max(values) / min(values) >= 30


# Claims and articles


def test_every_claim_is_there_as_it_was_made(shared: Path) -> None:
    count: Counter[str] = Counter()
    expected = set()
    for claim in facts_file(shared, "claims_jan_2025.csv"):
        count[claim["article_id"]] += 1
        expected.add(
            (
                f"{claim['article_id']}-{count[claim['article_id']]:02d}",
                claim["url"],
                platform_of(claim["platform"]),
                *(claim[name] for name in ("metric", "value", "unit", "qualifier", "attributed_to")),
                claim["geography"] or "unknown",
            )
        )
    names = (
        "claim_id",
        "url",
        "platform_id",
        "metric",
        "value",
        "unit",
        "qualifier",
        "attributed_to",
        "geography",
    )
    assert {tuple(row[name] for name in names) for row in rows("article_claims")} == expected
    assert len(expected) == len(rows("article_claims")) == 53


def test_days_of_claims_keep_their_precision(shared: Path) -> None:
    given = [claim["as_of"] for claim in facts_file(shared, "claims_jan_2025.csv")]
    plain = Counter(text for text in given if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text))
    found = Counter(
        row["as_of_date"] for row in rows("article_claims") if not row["as_of_text"] and row["as_of_date"]
    )
    assert found == plain
    assert sum(1 for row in rows("article_claims") if row["as_of_text"]) == sum(
        1 for text in given if text and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)
    )


def test_every_article_is_there_and_claims_are_made_in_articles(shared: Path) -> None:
    lines = (shared / "facts" / "articles_jan_2025.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    names = ("article_id", "url", "outlet", "language", "story_cluster_id", "relation", "origin")
    told = ("article_id", "url", "outlet", "lang", "cluster", "relation", "origin")
    assert {tuple(row[name] for name in names) for row in rows("articles")} == {
        tuple(article[name] for name in told) for article in articles
    }
    for row, article in zip(
        rows("articles"), sorted(articles, key=lambda one: str(one["article_id"])), strict=True
    ):
        assert row["published_date"][:4] == article["published"][:4]
        if row["published_precision"] == "day":
            assert row["published_date"] == article["published"][:10]
    assert {row["article_id"] for row in rows("article_claims")} <= {
        row["article_id"] for row in rows("articles")
    }


def test_mentions_are_what_claims_and_addresses_name(shared: Path) -> None:
    matcher = Matcher.from_watchlist(parse_watchlist(WATCHLIST.read_bytes()))
    expected = {
        (article["article_id"], mention.platform_id): "url"
        for article in rows("articles")
        for mention in matcher.find(words_of_path(article["url"]))
    }
    # "Instagram of China" is what RedNote is likened to.
    assert expected.pop(("A066", "instagram")) == "url"
    for claim in facts_file(shared, "claims_jan_2025.csv"):
        expected[claim["article_id"], platform_of(claim["platform"])] = "text"
    days = {row["article_id"]: row["published_date"] for row in rows("articles")}
    found = {(row["article_id"], row["platform_id"]): row["found_in"] for row in rows("article_mentions")}
    assert found == expected
    for row in rows("article_mentions"):
        assert row["published_date"] == days[row["article_id"]]


# Series


def test_prices_equal_the_facts(shared: Path) -> None:
    expected = {
        (symbol, row["session_date"], row[symbol])
        for row in facts_file(shared, "adjusted_closes.csv")
        for symbol in row
        if symbol != "session_date" and row[symbol]
    }
    found = [(row["symbol"], row["session_date"], row["adjusted_close"]) for row in rows("price_bars")]
    assert len(found) == len(expected)
    assert set(found) == expected
    assert {row["vintage_date"] for row in rows("price_bars")} == {"2025-07-09"}


def test_quotes_are_those_of_the_watchlist() -> None:
    companies = watchlist_rows(parse_watchlist(WATCHLIST.read_bytes()))["watch_companies"]
    quotes = {(row["exchange"], row["symbol"], row["currency"]) for row in companies}
    assert {(row["exchange"], row["symbol"], row["currency"]) for row in rows("price_bars")} <= quotes


def test_rates_equal_the_facts(shared: Path) -> None:
    expected = {
        (currency, row["Date"], row[currency])
        for row in facts_file(shared, "ecb_reference_rates.csv")
        for currency in row
        if currency != "Date" and row[currency]
    }
    found = [(row["quote_currency"], row["rate_date"], row["rate"]) for row in rows("fx_rates")]
    assert len(found) == len(expected)
    assert set(found) == expected


def test_news_counts_equal_the_facts(shared: Path) -> None:
    names = ("news_date", "subject_id", "monitored_items", "matching_items", "distinct_outlets")
    told = ("beijing_date", "platform", "topics_total", "topics_matching", "distinct_outlets")
    expected = {tuple(row[name] for name in told) for row in facts_file(shared, "readhub_topics_daily.csv")}
    assert {tuple(row[name] for name in names) for row in rows("news_volume")} == expected
    assert len(rows("news_volume")) == len(expected)


def test_hot_search_counts_equal_the_facts(shared: Path) -> None:
    columns = {
        "attention_date": "beijing_date",
        "subject_id": "platform",
        "captures": "captures",
        "monitored_total": "items",
        "monitored_distinct_items": "distinct_titles",
        "distinct_items": "matching_titles",
        "value": "matching_item_hours",
        "best_rank": "best_rank",
        "max_heat": "max_hot",
    }
    expected = {
        tuple(row[name] for name in columns.values())
        for row in facts_file(shared, "weibo_hot_search_daily.csv")
    }
    found = [row for row in rows("attention") if row["signal"] == "weibo_hot_search"]
    assert {tuple(row[name] for name in columns) for row in found} == expected
    assert len(found) == len(expected)
    assert all(int(row["captures"]) <= int(row["captures_expected"]) for row in found)


def test_page_views_are_observed_below_the_cutoff_or_not_fetched(shared: Path) -> None:
    ranked = {
        (row["article"], row["date"].replace("/", "-")): row
        for row in facts_file(shared, "wikipedia_pageviews_top100_rows.csv")
    }
    coverage = {
        row["date"].replace("/", "-"): row for row in facts_file(shared, "wikipedia_pageviews_coverage.csv")
    }
    views = [row for row in rows("attention") if row["signal"] == "wikipedia_pageviews"]
    days = {(date(2025, 1, 7) + timedelta(days=offset)).isoformat() for offset in range(30)}
    titles = {row["item"] for row in views}
    assert {(row["item"], row["attention_date"]) for row in views} == {
        (item, day) for item in titles for day in days
    }
    assert {title for title, _ in ranked} - titles == {"1989_Tiananmen_Square_protests_and_massacre"}
    for row in views:
        fact = ranked.get((row["item"], row["attention_date"]))
        read = coverage.get(row["attention_date"], {"ranks_read": "none", "rank100_views": ""})
        told = (row["value_status"], row["value"], row["cutoff_value"], row["best_rank"])
        if fact:
            assert told == ("observed", fact["views"], "", fact["rank"])
        elif read["ranks_read"] == "1-100":
            assert told == ("below_cutoff", "", read["rank100_views"], "")
        else:
            assert told == ("not_fetched", "", "", "")


def test_watched_pages_are_those_of_the_watchlist() -> None:
    titles = watchlist_rows(parse_watchlist(WATCHLIST.read_bytes()))["watch_wikipedia_titles"]
    declared = {(row["subject_type"], row["subject_id"], row["title"]) for row in titles}
    seen = {
        (row["subject_type"], row["subject_id"], row["item"])
        for row in rows("attention")
        if row["signal"] == "wikipedia_pageviews"
    }
    assert seen <= declared


# Watchlist


def test_store_ids_of_the_watchlist_are_those_of_the_facts(shared: Path) -> None:
    stores = {"ios": "app_store", "gplay": "google_play"}
    apps = {
        (row["platform_id"], row["store"]): row
        for row in watchlist_rows(parse_watchlist(WATCHLIST.read_bytes()))["watch_apps"]
    }
    for fact in facts_file(shared, "app_identity.csv"):
        row = apps[PLATFORMS.get(fact["entity_id"], fact["entity_id"]), stores[fact["store"]]]
        if fact["store_app_id"]:
            assert row["store_app_id"] == fact["store_app_id"]
            assert row["id_status"] == fact["status"].removeprefix("id ").split(";")[0]
        elif row["store_app_id"]:
            assert "recorded" in str(row["note"])
        else:
            assert row["id_status"] == "unknown"
