"""Copies of one story, from several sources and loads, through the lake and dbt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.settings import Home
from tests._support.loading import Ticking, csv_text, drop_case, receive_and_load
from tests.integration.test_marts import prepare_lake, read, run_dbt

WIRE = "Chinese app RedNote gained millions of US users this week as 'TikTok refugees' joined ahead of ban"
Row = dict[str, str]


def article(name: str, day: str, title: str, **changes: str) -> Row:
    return {
        "article_id": name, "url": f"https://www.{name}.example/news/1", "outlet": name.title(),
        "language": "en", "published_date": day, "published_at": "", "published_precision": "day",
        "title": title, "story_cluster_id": "", "relation": "",
    } | changes  # fmt: skip


def mention(name: str, day: str, platform: str) -> Row:
    return {
        "article_id": name, "platform_id": platform, "alias": "RedNote", "found_in": "title",
        "mentions": "1", "published_date": day,
    }  # fmt: skip


FIRST_DAY = [
    article("agency", "2025-01-16", WIRE, published_at="2025-01-16T09:00:00Z", published_precision="minute"),
    article("herald", "2025-01-16", f"{WIRE} | Herald"),
    article("planet", "2025-01-16", WIRE.replace("'TikTok refugees'", "“TikTok refugees”")),
    article("mirror", "2025-01-16", f"{WIRE[:60]}..."),
    article("courier", "2025-01-16", f"UPDATE 1-{WIRE}"),
    article("tribune", "2025-01-16", "Duolingo sees more learners of Mandarin after the move"),
]
SECOND_DAY = [
    article("gazette", "2025-01-17", WIRE),
    article("post", "2025-01-17", WIRE.upper()),
    article("times", "2025-01-17", WIRE.replace("gained", "won")),
    article("globe", "2025-01-17", f"{WIRE} - The Globe"),
    article("echo", "2025-01-17", f"  {WIRE}"),
    # The agency's own address once more, as somebody who only points there.
    article("hn_1", "2025-01-17", "RedNote", url="http://agency.example/news/1/?utm_source=x",
            outlet="Hacker News", relation="link"),
]  # fmt: skip
SOURCES = {"wires": FIRST_DAY, "papers": SECOND_DAY}


def land(home: Home, name: str, rows: Iterable[Mapping[str, str]], clock: Ticking) -> None:
    """A load of a source of its own, with the platforms that its titles name."""
    articles = list(rows)
    mentions = [
        mention(row["article_id"], row["published_date"], "xiaohongshu")
        for row in articles
        if "RedNote" in row["title"]
    ]
    drop_case(home, name, {"articles": csv_text(articles), "article_mentions": csv_text(mentions)})
    loads = receive_and_load(home, "articles", "article_mentions", clock=clock)
    assert [load.record.verdict for load in loads] == ["published", "published"]


def build(home: Home) -> None:
    statuses = run_dbt(
        home, "build", "--exclude-resource-type", "unit_test",
        "--select", "+fct_news_stories", "+fct_platform_stories_daily",
    )  # fmt: skip
    assert set(statuses.values()) <= {"success", "pass"}


def stories(home: Home) -> list[tuple[Any, ...]]:
    return read(
        home,
        "select first_article_id, first_outlet, first_published_date::varchar, first_published_at, "
        "last_published_date::varchar, n_articles, n_outlets, languages, platform_ids "
        "from marts.fct_news_stories order by all",
    )


@pytest.mark.parametrize("order", [("wires", "papers"), ("papers", "wires")])
def test_ten_copies_from_two_sources_and_two_days_are_one_story_and_ten_outlets(
    home: Home, order: tuple[str, str]
) -> None:
    prepare_lake(home)
    clock = Ticking()
    for name in order:
        land(home, name, SOURCES[name], clock)
    build(home)
    nine = datetime(2025, 1, 16, 9, tzinfo=UTC).replace(tzinfo=None)
    expected = [
        ("agency", "Agency", "2025-01-16", nine, "2025-01-17", 10, 10, "en", "xiaohongshu"),
        ("tribune", "Tribune", "2025-01-16", None, "2025-01-16", 1, 1, "en", None),
    ]
    assert stories(home) == expected
    assert read(
        home,
        "select published_date::varchar, n_stories, n_new_stories, n_articles, n_outlets "
        "from marts.fct_platform_stories_daily order by all",
    ) == [("2025-01-16", 1, 1, 5, 5), ("2025-01-17", 1, 0, 5, 5)]


def test_a_late_article_ties_two_stories_and_a_given_story_names_them(home: Home) -> None:
    prepare_lake(home)
    clock = Ticking()
    early = article("one", "2025-01-14", f"{WIRE[:45]}..."), article("two", "2025-01-15", f"Report: {WIRE}")
    land(home, "wires", early, clock)
    build(home)
    assert [row[0] for row in stories(home)] == ["one", "two"]
    late = article("late", "2025-01-16", WIRE)
    land(home, "papers", [late], clock)
    build(home)
    assert [(row[0], row[5]) for row in stories(home)] == [("one", 3)]
    land(home, "facts", [{**late, "article_id": "known", "story_cluster_id": "reuters_2025"}], clock)
    build(home)
    named = "select story_cluster_id, first_article_id, n_articles from marts.fct_news_stories"
    assert read(home, named) == [("reuters_2025", "one", 3)]
