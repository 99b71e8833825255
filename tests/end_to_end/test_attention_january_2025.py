"""January 2025: where attention went, what is known of RedNote, and who quotes whom, by plain SQL."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.end_to_end.conftest import Query

DAY = dt.date


def test_the_index_of_rednote_is_highest_as_the_wave_begins(query: Query) -> None:
    ((day, index, legs, missing),) = query(
        "select index_date, migration_index, legs_used, legs_missing from marts.migration_daily "
        "where episode_id = 'tiktok_refugees_2025' and platform_id = 'xiaohongshu' "
        "order by migration_index desc nulls last limit 1"
    )
    assert day in {DAY(2025, 1, 13), DAY(2025, 1, 14)}
    assert index > 3.5
    # The chart was read on no day before the window, so that it gives no z-score.
    assert legs == "share_of_voice"
    assert "destination_demand (" in missing


def test_every_destination_has_each_day_of_the_window_and_a_reason_where_it_has_no_index(
    query: Query,
) -> None:
    rows = query(
        "select count(*), count(distinct platform_id), count(migration_index) + count(index_null_reason) "
        "from marts.migration_daily where episode_id = 'tiktok_refugees_2025'"
    )
    assert rows == [(10 * 54, 10, 10 * 54)]


def test_page_views_below_the_cutoff_bound_the_share(query: Query) -> None:
    """Lemon8's article was in no top 100: on 15 January at most a seventh of the views are left to it."""
    rows = query(
        "select platform_id, share, share_low, share_high from marts.share_of_voice_daily "
        "where source = 'wikipedia_pageviews' and voice_date = date '2025-01-15' "
        "and platform_id in ('lemon8', 'xiaohongshu') order by platform_id"
    )
    (_, lemon8, none, some), (_, rednote, low, high) = rows
    assert lemon8 is None
    assert rednote is None
    assert (none, round(some, 2)) == (0, 0.15)
    assert (round(low, 2), round(high, 2)) == (0.27, 0.32)


def test_weibo_spoke_ten_times_as_much_of_the_platforms_as_before(query: Query) -> None:
    ((ratio, counted, in_set),) = query(
        "select ratio_to_baseline, platforms_counted, platforms_in_set from marts.attention_displacement "
        "where source = 'weibo_hot_search' and period = 'window' and episode_id = 'tiktok_refugees_2025'"
    )
    assert ratio == pytest.approx(452 / 54 / (22 / 28))
    assert (counted, in_set) == (3, 11)


def test_what_is_known_of_rednote_on_20_january_2025(query: Query) -> None:
    rows = query(
        """
        select attribute, value, value_text, provider, confidence from marts.platform_profile
        where platform_id = 'xiaohongshu'
          and coalesce(valid_from, date '2025-01-20') <= date '2025-01-20'
          and coalesce(valid_to > date '2025-01-20', true)
        """
    )
    known = {(attribute, value, text, provider) for attribute, value, text, provider, _ in rows}
    assert known >= {
        ("share_of_women", 79, None, "EFE"),
        ("founding_year", 2013, None, "EFE"),
        ("profit", 1e9, None, "EFE"),
        ("investor", None, "Tencent", "EFE"),
        ("investor", None, "Alibaba", "EFE"),
        ("owner", None, "Xingin", "watchlist"),
        ("valuation", 17e9, None, "FT"),
        ("valuation", 20e9, None, "Sacra"),
        ("daily_users", 14.9e6, None, "Similarweb"),
    }
    # What is told only later, or was replaced by then.
    assert ("valuation", 26e9, None, "Bloomberg") not in known
    assert ("daily_users", 32.5e6, None, "Similarweb") not in known
    assert {confidence for *_, provider, confidence in rows if provider == "FT"} == {"C"}


def test_who_owned_tiktok_is_a_dated_claim_beside_the_watchlist(query: Query) -> None:
    rows = query(
        "select value_text, provider, valid_from, valid_from_null_reason from marts.platform_profile "
        "where platform_id = 'tiktok' and attribute = 'owner' order by provider"
    )
    assert rows == [
        ("ByteDance", "EFE", dt.date(2025, 1, 14), None),
        ("ByteDance", "watchlist", None, "the watchlist gives no day"),
    ]


def test_tiktok_was_out_of_the_stores_as_of_1_february(query: Query) -> None:
    rows = query(
        "select value_text from marts.platform_profile where platform_id = 'tiktok' "
        "and attribute = 'store_listing' and valid_from <= date '2025-02-01' and valid_to > date '2025-02-01'"
    )
    assert rows == [("delisted",)]


def test_many_copies_of_one_figure_lead_back_to_one_source(query: Query) -> None:
    rows = query(
        "select count(*), count(distinct quoting_publisher), count(distinct figure_source) "
        "from marts.claim_chain where platform_id = 'xiaohongshu' and metric = 'dau' and value = 3400000"
    )
    assert rows == [(7, 7, 1)]
    ((chain, ratio),) = query(
        "select chain, log_ratio_to_median from marts.claim_chain where claim_id = 'A029-01'"
    )
    assert chain == "Similarweb > TechCrunch > Indonesia Sentinel"
    assert ratio > 2.9


def test_the_half_life_agrees_with_the_benchmark(query: Query) -> None:
    ((computed, benchmark, confidence),) = query(
        "select round(computed_value, 2), benchmark_value, computed_confidence from marts.episode_comparison "
        "where benchmark_id = 'rednote_half_life'"
    )
    assert (computed, benchmark, confidence) == (1.73, 1.73, "A")
