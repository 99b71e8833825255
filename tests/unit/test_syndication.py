"""One address an article, and one story for its copies."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.syndication import Article, article_id, cluster, host_of, is_copy, normalise_url, tellings

DAY = date(2025, 1, 16)


# --- addresses ------------------------------------------------------------------------------------


SAME = {
    "https://example.com/news/story": [
        "https://example.com/news/story/",
        "http://example.com/news/story",
        "https://www.example.com/news/story",
        "HTTPS://EXAMPLE.COM/news/story",
        "https://example.com:443/news/story",
        "http://example.com:80/news/story",
        "https://example.com/news/story#comments",
        "https://example.com/news/story/amp",
        "https://example.com/news/story/amp/",
        "https://example.com/amp/news/story",
        "https://amp.example.com/news/story",
        "https://m.example.com/news/story",
        "https://www.m.example.com/news/story",
        "https://mobile.example.com/news/story",
        "https://example.com/news/story.amp",
        "https://example.com/news/story?amp",
        "https://example.com/news/story?amp=1",
        "https://example.com/news/story?outputType=amp",
        "https://example.com/news/story?src=rss&source=x1&ref=home&share=",
        "https://example.com/news/story#/",
        "https://example.com/news/story?utm_source=rss&utm_medium=feed&fbclid=abc&gclid=x",
        "https://www.google.com/amp/s/www.example.com/news/story",
        "https://www.google.co.uk/amp/s/amp.example.com/news/story?usqp=mq331",
        "https://www-example-com.cdn.ampproject.org/c/s/www.example.com/news/story?amp_js_v=0.1",
        "https://www.bing.com/amp/s/www.example.com/news/story",
        "  https://example.com/news/story ",
        "https://example.com//news/./x/../story",
        "https://example.com/news/story%20title=",
        "https://example.com/news/story/index.html",
    ],
    "https://example.com/?p=5042": ["https://www.example.com/?p=5042", "http://example.com/?utm_id=1&p=5042"],
    "https://example.com/index.php?id=7": ["http://www.example.com/index.php?id=7#top"],
    "https://example.com/a?a=1&b=2": ["https://example.com/a?b=2&a=1", "https://example.com/a/?&b=2&a=1&"],
    "https://example.com/%E9%9A%BE%E6%B0%91": [
        "https://example.com/难民/",
        "https://example.com/%e9%9a%be%e6%b0%91",
        "https://example.com/%E9%9A%BE民",
    ],
    "https://xn--r8jz45g.jp/a": ["https://例え.jp/a"],
    "https://example.com/a.html": ["https://example.com/a.amp.html"],
    "https://en.wikipedia.org/wiki/RedNote": ["https://en.m.wikipedia.org/wiki/RedNote"],
    "https://example.co.uk/a": ["https://m.example.co.uk/a"],
    "https://example.com:8080/a": ["http://www.example.com:8080/a/"],
    "https://example.com/": ["http://example.com", "https://www.example.com/index.html"],
}


@pytest.mark.parametrize(("normal", "given_url"), [(n, u) for n, urls in SAME.items() for u in urls])
def test_addresses_of_one_article_are_one(normal: str, given_url: str) -> None:
    assert normalise_url(given_url) == normal
    assert article_id(given_url) == article_id(normal)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/?p=1", "https://example.com/?p=2"),
        ("https://example.com/index.php?id=1", "https://example.com/index.php?id=2"),
        ("https://example.com/News", "https://example.com/news"),
        ("https://example.com/a+b", "https://example.com/a%20b"),
        ("https://sport.example.com/a", "https://example.com/a"),
        ("https://example.com/a?page=2", "https://example.com/a"),
        ("https://m.me/a", "https://me/a"),
        ("https://example.com/amp", "https://example.com/"),
        ("https://example.com/guitar-amp", "https://example.com/guitar"),
        ("https://example.com/#/news/1", "https://example.com/#/news/2"),
        ("https://example.com/#!news/1", "https://example.com/#!news/2"),
        ("https://example.com/#/news/1", "https://example.com/"),
        ("https://example.com/article?src=12", "https://example.com/article?src=13"),
        ("https://example.com/a?source=1&ref=2&share=3", "https://example.com/a"),
        ("https://niftycent.com/fr/x/832591", "https://niftycent.com/sk/x/832591"),
    ],
)
def test_addresses_of_two_articles_are_two(one: str, other: str) -> None:
    assert normalise_url(one) != normalise_url(other)


@pytest.mark.parametrize(
    "url", ["", "mailto:a@b.c", "not an address", "https://", "https://a.com:99999/", "https://[x"]
)
def test_what_is_no_address_stays_as_it_is(url: str) -> None:
    assert normalise_url(url) == url.strip()


def test_the_addresses_of_the_facts(shared: Path) -> None:
    lines = (shared / "facts" / "articles_jan_2025.jsonl").read_text(encoding="utf-8").splitlines()
    urls = [json.loads(line)["url"] for line in lines]
    normal = [normalise_url(url) for url in urls]
    assert len(urls) == 42
    assert len(set(normal)) == 42
    assert "https://toptipfinance.com/?p=5042" in normal
    assert "https://hbcasj.com/socialgd/10000169/20250117/47883427.html" in normal
    assert "https://quiverquant.com/news/RedNote+Gains+3M+U.S.+Users+Amid+TikTok+Ban+Fears" in normal
    assert all(normalise_url(url) == url for url in normal)


HOSTS = st.sampled_from(
    ["example.com", "www.Example.com", "m.example.co.uk", "amp.a.b.example", "例え.jp", "[::1]"]
)
PIECES = st.lists(
    st.sampled_from(
        ["amp", "news", "index.html", "..", ".", "", "难", "%7e", "a b", "x.amp", "a.amp.html", "+", "%"]
    ),
    max_size=5,
)
PAIRS = st.lists(
    st.sampled_from(
        ["utm_source=x", "p=1", "amp", "amp=1", "b=%e9", "=", "a=b=c", "q=a+b", "难=1", "outputType=amp"]
    ),
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["http://", "https://", "HTTPS://"]),
    HOSTS,
    st.sampled_from(["", ":80", ":443", ":8080"]),
    PIECES,
    PAIRS,
)
def test_normal_addresses_are_normal(
    scheme: str, host: str, port: str, pieces: list[str], pairs: list[str]
) -> None:
    url = f"{scheme}{host}{port}/{'/'.join(pieces)}?{'&'.join(pairs)}#x"
    normal = normalise_url(url)
    assert normalise_url(normal) == normal
    assert "utm_" not in normal and "#" not in normal
    assert normal.startswith("https://")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_nothing_makes_normalisation_fail(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}", f"https://example.com/?{text}"):
        assert normalise_url(normalise_url(url)) == normalise_url(url)


def test_host_of() -> None:
    assert host_of("https://www.Example.com:443/a") == "example.com"
    assert host_of("https://[x") == host_of("nothing") == ""


# --- stories --------------------------------------------------------------------------------------


WIRE = "Chinese app RedNote gained millions of US users this week as 'TikTok refugees' joined ahead of ban"
COPIES = {
    "verbatim": WIRE,
    "quotes": WIRE.replace("'TikTok refugees'", "“TikTok refugees”"),
    "capitals": WIRE.upper(),
    "suffix": f"{WIRE} - The Daily Planet",
    "pipe": f"{WIRE} | Reuters",
    "cut": f"{WIRE[:60]}...",
    "cut in a word": f"{WIRE[:53]}…",
    "update": f"UPDATE 2-{WIRE}",
    "spaces": f"  {WIRE.replace(' ', chr(0xA0))} ",
    "one word": WIRE.replace("gained", "won"),
    "dash": WIRE.replace(" as ", " — as "),
}
OTHERS = {
    "Spanish": "La aplicación china RedNote sumó millones de usuarios en EE.UU. esta semana",
    "Chinese": "美国用户本周大量涌入中国应用小红书",
    "rewritten": "Millions of Americans move to RedNote as the TikTok ban nears",
    "another app": "Chinese app Lemon8 lost half of its new users after the return of TikTok, data show",
}


def articles(titles: dict[str, str], **common: object) -> list[Article]:
    return [
        replace(Article(article_id=name, title=title, language="en", day=DAY), **common)  # type: ignore[arg-type]
        for name, title in titles.items()
    ]


def test_copies_of_a_wire_story_are_one_story_and_rewrites_are_not() -> None:
    stories = cluster(articles(COPIES) + articles(OTHERS, language=None))
    assert {stories[name] for name in COPIES} == {min(COPIES)}
    assert [stories[name] for name in OTHERS] == list(OTHERS)


def test_ten_outlets_count_once() -> None:
    copies = [
        Article(f"a{n}", f"{WIRE} - Outlet {chr(65 + n)}", "en", DAY, f"Outlet {chr(65 + n)}")
        for n in range(10)
    ]
    assert set(cluster(copies).values()) == {"a0"}


def test_a_story_is_named_by_its_first_article() -> None:
    first = Article("z", WIRE, "en", DAY)
    later = Article("a", WIRE, "en", DAY + timedelta(days=1))
    assert cluster([later, first]) == {"a": "z", "z": "z"}


CHINESE = "美国网友大量涌入小红书,平台连夜招聘英文审核员"


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        (CHINESE, f"{CHINESE}_新浪新闻", True),
        (CHINESE, CHINESE.replace(",", ",") + "!", True),
        (CHINESE, CHINESE[:16] + "...", True),
        (CHINESE, CHINESE.replace("大量", "纷纷"), True),
        (CHINESE, "美国网友为何离开小红书,平台没有回应", False),
        ("小红书崩了", "小红书崩了", False),
        (
            "Bitcoin falls to 90,000 dollars as traders sell",
            "Bitcoin falls to 95,000 dollars as traders sell",
            False,
        ),
        ("Wordle hints and answer for January 14", "Wordle hints and answer for January 15", False),
        (
            "Instagram down: thousands of users report problems",
            "WhatsApp down: thousands of users report problems",
            False,
        ),
        ("Live updates", "Live updates", False),
        ("TikTok goes dark in the United States", "TikTok goes dark in the United States", True),
    ],
)
def test_what_is_a_copy(one: str, other: str, is_one: bool) -> None:
    stories = cluster([Article("1", one, None, DAY), Article("2", other, None, DAY)])
    assert (stories["1"] == stories["2"]) is is_one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Supreme Court upholds TikTok ban in unanimous ruling",
            "Supreme Court doesn't uphold TikTok ban in unanimous ruling",
        ),
        (
            "Trump signs order to ban TikTok in the United States",
            "Trump signs order to unban TikTok in the United States",
        ),
        (
            "Meta shares rise after TikTok ban ruling by Supreme Court",
            "Meta shares fall after TikTok ban ruling by Supreme Court",
        ),
        (
            "Apple removes TikTok from App Store in the US",
            "Apple restores TikTok from App Store in the US",
        ),
        (
            "Stocks to watch: Meta, Snap, Pinterest - Monday edition",
            "Stocks to watch: Meta, Snap, Pinterest - Tuesday edition",
        ),
        (
            "TikTok banned in Albania for a year after stabbing",
            "TikTok banned in Algeria for a year after stabbing",
        ),
        (
            "TikTok Banned in Albania for a Year After Stabbing",
            "TikTok Banned in Algeria for a Year After Stabbing",
        ),
        (
            "TikTok goes dark for all of its users in the US at midnight",
            "TikTok goes dark for all of its users in the UK at midnight",
        ),
        (
            "TikTok has one million new users in Kenya this week",
            "TikTok has nine million new users in Kenya this week",
        ),
        (
            "TikTok deal brings 1.5 million new users to the company",
            "TikTok deal brings 1.5 billion new users to the company",
        ),
        (
            "TikTok CEO to attend Trump inauguration, sources say",
            "TikTok CEO not to attend Trump inauguration, sources say",
        ),
        (
            "Las acciones de Meta suben tras el fallo sobre TikTok",
            "Las acciones de Meta bajan tras el fallo sobre TikTok",
        ),
        ("小红书美国下载量一周内上涨,分析师称势头仍在", "小红书美国下载量一周内下跌,分析师称势头仍在"),
        ("商务部回应字节跳动将出售美国业务的报道", "商务部回应字节跳动将不出售美国业务的报道"),
    ],
)
def test_one_word_can_make_another_story(one: str, other: str) -> None:
    pair = [Article("1", one, None, DAY), Article("2", other, None, DAY)]
    assert not is_copy(*pair) and not is_copy(*reversed(pair))
    assert cluster(pair) == {"1": "1", "2": "2"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TikTok goes dark in US as ban takes effect", "TikTok goes dark in the U.S. as ban takes effect"),
        ("170 million users: TikTok goes dark in US", "170M users: TikTok goes dark in US"),
        (
            "Oracle may pay $14 billion for TikTok, sources say",
            "Oracle may pay $14bn for TikTok, sources say",
        ),
        (
            "TikTok lost 90,000 accounts in one night, it says",
            "TikTok lost 90000 accounts in one night, it says",
        ),
        ("RedNote gains one million users in a day", "RedNote gains 1 million users in a day"),
        ("Americans flock to RedNote ahead of the ban", "Americans flock to Red Note ahead of the ban"),
        (
            "Millions of American users flock to RedNote this week ahead of the ban",
            "Millions of American users head to RedNote this week ahead of the ban",
        ),
        ("TikTok Refugees Flock to RedNote Ahead of Ban", "TikTok refugees flock to RedNote ahead of ban"),
        ("TikTok ban doesn't stop users from posting", "TikTok ban does not stop users from posting"),
    ],
)
def test_other_spellings_make_no_other_story(one: str, other: str) -> None:
    pair = [Article("1", one, None, DAY), Article("2", other, None, DAY)]
    assert is_copy(*pair) and is_copy(*reversed(pair))
    assert set(cluster(pair).values()) == {"1"}


def test_copies_are_near_in_time_and_in_one_language() -> None:
    far = [Article("1", WIRE, "en", DAY), Article("2", WIRE, "en", DAY + timedelta(days=4))]
    near = [far[0], replace(far[1], day=DAY + timedelta(days=3))]
    other = [far[0], replace(far[0], article_id="2", language="es")]
    assert [len(set(cluster(pair).values())) for pair in (far, near, other)] == [2, 1, 2]


def test_texts_tie_what_titles_do_not() -> None:
    words = [f"word{number}" for number in range(300)]
    text = " ".join(words)
    one = Article("1", "Live updates", "en", DAY, text=text)
    same = Article("2", "RedNote fills with Americans, says agency", "en", DAY, text=" ".join(words[:-40]))
    other = Article("3", "Live updates", "en", DAY, text=" ".join(reversed(words)))
    assert cluster([one, same, other]) == {"1": "1", "2": "1", "3": "3"}


def test_order_decides_nothing() -> None:
    given_articles = articles(COPIES) + articles(OTHERS)
    expected = cluster(given_articles)
    for seed in range(5):
        random.Random(seed).shuffle(given_articles)
        assert cluster(given_articles) == expected


def test_a_story_that_is_given_with_an_article_wins() -> None:
    """Copies take it; two that are given stay two; and articles of one story need not look alike."""
    given_articles = [
        Article("a", WIRE, "en", DAY),
        Article("b", f"{WIRE} - Outlet", "en", DAY, story="reuters"),
        Article("c", WIRE.upper(), "en", DAY + timedelta(days=1), story="ap"),
        Article("d", "Una historia que no se parece a las demás", "es", DAY, story="ap"),
        Article("e", "Una historia que no se parece a las demás | Diario", "es", DAY),
    ]
    assert cluster(given_articles) == {"a": "reuters", "b": "reuters", "c": "ap", "d": "ap", "e": "ap"}


def test_an_address_is_one_article_whatever_its_titles_and_a_front_page_is_none() -> None:
    there = Article("a", WIRE, "en", DAY, url="https://www.example.com/news/story?utm_source=x")
    link = Article("b", "Interesting", None, DAY, url="https://m.example.com/news/story/", is_link=True)
    later = replace(link, article_id="c", day=DAY + timedelta(days=4))
    front = [Article(name, None, "en", DAY, url="https://example.com/") for name in "de"]
    assert cluster([link, later, there, *front]) == {"a": "a", "b": "a", "c": "c", "d": "d", "e": "e"}


def test_the_first_article_is_the_earliest_and_no_link() -> None:
    early, late = datetime(2025, 1, 16, 9, tzinfo=UTC), datetime(2025, 1, 16, 17, tzinfo=UTC)
    link = Article("a", WIRE, "en", DAY, at=early, is_link=True)
    second, first = Article("b", WIRE, "en", DAY, at=late), Article("c", WIRE, "en", DAY, at=early)
    unknown = Article("d", WIRE, "en", DAY)
    assert set(cluster([link, unknown, second, first]).values()) == {"c"}
    assert list(cluster([link, unknown, second, first])) == ["c", "b", "d", "a"]


def test_copies_are_found_though_one_lacks_its_language() -> None:
    assert cluster([Article("a", WIRE, "en", DAY), Article("b", WIRE, None, DAY)]) == {"a": "a", "b": "a"}


def test_days_that_are_over_leave_the_index_and_what_is_near_is_still_found() -> None:
    """A copy with another word, three days later, behind a thousand others of every day."""
    words = [f"{letter}{number}word" for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz" * 4)]
    dice = random.Random(7)
    noise = [
        Article(f"n{n:04}", " ".join(dice.sample(words, 9)), "en", DAY + timedelta(days=n % 12))
        for n in range(1000)
    ]
    copies = [
        Article("x", WIRE, "en", DAY),
        Article("y", WIRE.replace("gained", "won"), "en", DAY + timedelta(days=3)),
        Article("z", WIRE.replace("gained", "drew"), "en", DAY + timedelta(days=7)),
    ]
    stories = cluster([*noise, *copies])
    assert [stories[name] for name in "xyz"] == ["x", "x", "z"]


def row(name: str, **changes: object) -> dict[str, object]:
    """A row of `articles` as the staging model gives it."""
    return {
        "article_id": name, "url": f"https://www.{name}.example/story", "outlet": name, "language": "en",
        "published_date": DAY, "published_at": None, "published_precision": "day", "title": WIRE,
        "story_cluster_id": None, "relation": None, "observed_at": datetime(2025, 1, 20, 12),  # noqa: DTZ001
    } | changes  # fmt: skip


def test_what_a_row_tells() -> None:
    rows = [
        row("a", published_at=datetime(2025, 1, 16, 9)),  # noqa: DTZ001
        row("hn_1", url="https://a.example/story", outlet="Hacker News", relation="link", title=None),
        row("b", url="https://news.google.com/rss/articles/1", outlet="The Planet"),
        row("c", published_precision="month"),
        row("d", published_date=None, published_precision="unknown", title=None),
    ]
    told = {telling.article_id: telling[1:] for telling in tellings(rows)}
    assert told == {
        "a": ("a", True, "https://a.example/story", "a.example"),
        "hn_1": ("a", False, "https://a.example/story", "a.example"),
        "b": ("a", False, "https://news.google.com/rss/articles/1", "The Planet"),
        # Its day is not known; it was seen four days later.
        "c": ("c", True, "https://c.example/story", "c.example"),
        "d": ("d", True, "https://d.example/story", "d.example"),
    }
    assert sorted(tellings(reversed(rows))) == sorted(tellings(rows))
