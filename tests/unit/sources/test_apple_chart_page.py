"""The App Store's chart pages, in the design before November 2025 and the one since."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html import escape

import pytest
from hypothesis import given, settings

from ingestion.source import Parsed, WrongAnswerError
from ingestion.sources._apple_chart_page import PageAddress, page_address, page_chart
from ingestion.sources._charts import Capture
from tests._support.charts import captures, counted, entries
from tests._support.mutations import damaged
from tests._support.upstreams._rankings import pool
from tests._support.upstreams.wayback_charts import chart_page

URL = "https://apps.apple.com/jp/charts/iphone/%E3%83%95%E3%82%A1%E3%82%A4%E3%83%8A%E3%83%B3%E3%82%B9/6015?chart=top-free"
CAPTURE = Capture(
    series="apple_chart_page",
    store="app_store",
    country="JP",
    chart="top_free_finance",
    zone="Asia/Tokyo",
    captured_at=datetime(2025, 11, 3, 22, 10, tzinfo=UTC),
    provider="Apple",
    source_url=URL,
)
APPS = list(pool("app_store")[:100])
EACH_DESIGN = pytest.mark.parametrize("is_new", [False, True], ids=["older", "newer"])


def page(*, is_new: bool, apps: int = 100) -> str:
    return chart_page(APPS[:apps], URL, is_new=is_new).decode()


def read(text: str | bytes) -> Parsed:
    return page_chart(text.encode() if isinstance(text, str) else text, URL, CAPTURE)


def refused(text: str | bytes) -> WrongAnswerError:
    with pytest.raises(WrongAnswerError) as caught:
        read(text)
    return caught.value


@EACH_DESIGN
def test_both_designs_say_the_same(is_new: bool) -> None:
    parsed = read(page(is_new=is_new))
    assert counted(parsed) == (1, 100, 0)
    assert captures(parsed)[0]["depth"] == 100
    assert captures(parsed)[0]["store_date"] == date(2025, 11, 4)
    assert [(row["rank"], row["store_app_id"], row["app_name"]) for row in entries(parsed)] == [
        (rank, app.store_app_id, app.name) for rank, app in enumerate(APPS, start=1)
    ]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (URL, PageAddress("JP", "6015", "free")),
        ("https://apps.apple.com/us/charts/iphone/top-free-apps/36", PageAddress("US", "36", "free")),
        ("http://apps.apple.com/us/charts/iphone/x/36?l=es&chart=top-paid", PageAddress("US", "36", "paid")),
        ("https://apps.apple.com/us/charts/ipad/top-free-apps/36", None),
        ("https://apps.apple.com/us/charts/iphone/top-free-apps/36?chart=top-new", None),
        ("https://[", None),
        (None, None),
    ],
)
def test_an_address_says_which_chart_it_is(url: object, address: PageAddress | None) -> None:
    assert page_address(url) == address


def test_the_slug_says_nothing_and_all_apps_are_without_games() -> None:
    finance, everything = page_address(URL), page_address("https://apps.apple.com/us/charts/iphone/x/36")
    assert finance is not None
    assert everything is not None
    assert (finance.chart, everything.chart) == ("top_free_finance", "top_free_apps")
    assert PageAddress("US", "6018", "free").chart is None


@EACH_DESIGN
def test_an_odd_item_is_broken_and_no_other(is_new: bool) -> None:
    text = page(is_new=is_new, apps=10)
    text = text.replace(f"id{APPS[1].store_app_id}", "xid")
    text = text.replace(">5</p>", ">fifth</p>").replace(">8</p>", ">7</p>")
    parsed = read(text)
    assert [(odd.position, odd.reason) for odd in parsed.broken] == [
        (2, "the id null is not a number"),
        (5, 'the rank "fifth" is not a number between 1 and 1000'),
        (8, "rank 7 stands twice"),
    ]
    assert [row["rank"] for row in entries(parsed)] == [1, 3, 4, 6, 7, 9, 10]
    assert captures(parsed)[0]["depth"] == 1


@EACH_DESIGN
def test_names_are_text_whatever_they_hold(is_new: bool) -> None:
    name = "  Fit &amp; <b>Fun</b>\n &#x1F600; </none> 生活 "
    text = page(is_new=is_new, apps=1).replace(escape(APPS[0].name), name)
    assert entries(read(text))[0]["app_name"] == "Fit & Fun 😀 生活"


def test_a_shelf_without_ranks_is_no_chart() -> None:
    assert "Apps we love" in page(is_new=True)
    assert counted(read(page(is_new=True, apps=3))) == (1, 3, 0)


@EACH_DESIGN
def test_a_page_that_calls_itself_another_is_refused(is_new: bool) -> None:
    text = page(is_new=is_new).replace("/6015?chart", "/6016?chart")
    assert refused(text).is_retriable
    assert counted(read(page(is_new=is_new).replace('rel="canonical"', 'rel="alternate"')))[1] == 100


def test_a_third_design_is_a_changed_format() -> None:
    text = page(is_new=True).replace("ordinal", "position")
    assert not refused(text).is_retriable


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"</html>", b'{"feed": {}}', page(is_new=False).encode()[:-500]]
)
def test_what_is_no_whole_page_is_refused(content: bytes) -> None:
    assert isinstance(refused(content), WrongAnswerError)


def test_a_page_without_an_end_is_asked_for_again() -> None:
    assert refused(page(is_new=True)[:-400]).is_retriable


@settings(max_examples=60, deadline=None)
@given(content=damaged(chart_page(APPS[:4], URL, is_new=False)))
def test_a_damaged_page_is_refused_or_read(content: bytes) -> None:
    try:
        parsed = read(content)
    except WrongAnswerError:
        return
    assert len(captures(parsed)) == 1
