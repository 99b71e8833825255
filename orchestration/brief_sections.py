"""What the page of an episode asks of the published marts, and how it tells the answers.

Belongs here: sections as data. Does not belong here: how they become Markdown (`orchestration.brief`).
A query names `$episode` for the episode's id and orders its rows, so that the page is the same each time.
"""

from __future__ import annotations

from orchestration.brief import Figure, Section

SHARED = {
    "$span": """span as (
  select min(index_date) as first_day, max(index_date) as last_day, min(geography) as country
  from marts.migration_daily where episode_id = $episode
)""",
    "$members": """members as (
  select platform_id from marts.migration_daily where episode_id = $episode
  union
  select origin_platform_id from marts.migration_daily where episode_id = $episode
)""",
    "$named": """named as (
  select platform_id from members
  union
  select platform_id from marts.fct_published_metrics where episode_id = $episode
)""",
}
"""Parts of several queries: the window of the episode and where it takes place; its platforms; these and the
platforms of which figures of the episode were published."""

KNOWN = "select distinct episode_id from marts.migration_daily order by episode_id"
TITLE = "select min(episode_title) from marts.episode_comparison where episode_id = $episode"

IN_SHORT = Section(
    "In short",
    (
        Figure(
            """
            with $span
            select name as platform, store, chart, days_at_number_one as days,
              first_number_one_date as first_seen, last_number_one_date as last_seen
            from marts.migration_episodes
            join marts.dim_platform using (platform_id)
            join span using (country)
            where episode_id = $episode and days_at_number_one > 0
            order by days desc, platform, store, chart
            limit 1
            """,
            told="What moved: {platform} was seen at number 1 of {store} ({chart}) on {days} day(s) between "
            "{first_seen} and {last_seen}.",
            none="What moved: no destination was seen at number 1 in the country of the episode.",
        ),
        Figure(
            """
            with $span,
            $members
            select name as platform, metric, geography, wide.first_date, wide.last_date, wide.min_value,
              wide.lowest_provider, wide.max_value, wide.highest_provider, wide.ratio,
              max(narrow.ratio) as ratio_of_a_day
            from marts.source_agreement as wide
            join marts.source_agreement as narrow using (platform_id, metric, geography, period)
            join members using (platform_id)
            join marts.dim_platform using (platform_id)
            join span on wide.last_date >= first_day and wide.first_date <= last_day
            where wide.comparison = 'neighbouring_days' and narrow.comparison = 'same_day'
              and narrow.first_date between wide.first_date and wide.last_date
            group by all
            order by wide.ratio desc, platform, metric, geography
            limit 1
            """,
            told="How much: {min_value} {metric} of {platform} ({geography}) if you ask {lowest_provider}, "
            "{max_value} if you ask {highest_provider}. That is a factor of {ratio} from {first_date} to "
            "{last_date}, and of {ratio_of_a_day} between figures of one day.",
            none="How much: no two providers gave a figure for the same day.",
        ),
        Figure(
            """
            with $span
            select count(*) as pairs,
              count(case when chart.latest_at <= other.earliest_at then 1 end) as before,
              count(case when other.latest_at <= chart.earliest_at then 1 end) as after
            from marts.event_order as chart
            join marts.event_order as other using (episode_id, platform_id)
            join span on split_part(chart.subject, '/', 2) = country
            where episode_id = $episode and chart.fact_kind = 'number_one'
              and other.fact_kind in ('press_broad', 'news_rise', 'attention_rise', 'search_peak')
              and platform_id in (select platform_id from marts.migration_daily where episode_id = $episode)
            having count(*) > 0
            """,
            told="Who led whom: of {pairs} pairs of a number 1 and a rise in press, news or search, the "
            "chart surely came first in {before} and second in {after}; the rest cannot be ordered.",
            none="Who led whom: not known, since no number 1 stands beside a rise in press, news or search.",
        ),
        Figure(
            """
            select name as platform, half_life_days as days, half_life_provider as provider,
              half_life_first_date as first_day, coalesce(half_life_channel, 'channel not told') as channel
            from marts.migration_episodes
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and half_life_days is not null
            group by all
            order by days, platform, provider
            limit 1
            """,
            told="Who stayed: daily downloads of {platform}, as {provider} published them ({channel}), "
            "halved every {days:.2f} days from {first_day}, the highest day that was told.",
            none="Who stayed: nobody published two levels of downloads after a peak.",
        ),
        Figure(
            """
            with sessions as (
              select distinct event_id, event_session_date
              from marts.event_study
              where window_start = 0 and window_end = 0
            )
            select count(distinct event_id) as events, count(distinct event_session_date) as sessions,
              count(distinct case when p_value < 0.05 then event_session_date end) as moved
            from marts.event_study_tests
            join sessions using (event_id)
            join marts.dim_event using (event_id)
            where episode_id = $episode and group_id = 'all' and test = 'kolari_pynnonen'
              and window_start = 0 and window_end = 0 and p_value is not null
            having count(*) > 0
            """,
            told="Who gained: {events} events fell on {sessions} sessions of the exchange; the watched "
            "shares together moved beyond the market, at p below 0.05, on {moved} of them.",
            none="Who gained: no event is studied.",
        ),
        Figure(
            """
            select count(*) as asked, count(diversion_ratio) as known
            from marts.diversion
            where episode_id = $episode
            having count(*) > 0
            """,
            told="What is not known: how many of those who came had left the origin. It was asked for in "
            "{asked} ways, and {known} can be told.",
            none="What is not known: whether anybody left the origin.",
        ),
    ),
)

WHAT_HAPPENED = Section(
    "What happened",
    (
        Figure(
            """
            select event_date as day, event_zone as day_zone, title as what, event_at as instant_utc,
              event_at_precision as precision, confidence
            from marts.dim_event
            where episode_id = $episode
            order by event_date, coalesce(event_at, cast(event_date as timestamp)), event_id
            """,
            none="The calendar has no event of this episode.",
        ),
    ),
)

WHO_ROSE = Section(
    "What moved",
    (
        Figure(
            """
            select name as platform, store, country, chart, days_at_number_one as days,
              first_number_one_date as first_day, last_number_one_date as last_day,
              unobserved_days_in_span as unseen
            from marts.migration_episodes
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and first_number_one_date is not null
            order by days desc, platform, store, country, chart
            """,
            told="**{platform}** was seen at number 1 in {store} {country} ({chart}) first on {first_day} "
            "and last on {last_day}. Days seen there: {days}; days in between that nobody looked at: "
            "{unseen}.",
            none="No destination was seen at number 1 of a chart.",
            lead="Who came to number 1. Days are those on which somebody looked, so they are the least "
            "there were.",
        ),
        Figure(
            """
            select name as platform, store, country, chart, number_one_lost_by_date as lost_by
            from marts.migration_episodes
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and number_one_lost_by_date is not null
            order by platform, store, country, chart
            """,
            told="{platform} no longer led {store} {country} ({chart}) on {lost_by} at the latest.",
            none="Nobody saw a destination lose number 1.",
        ),
        Figure(
            """
            with $span,
            $members
            select store_date as store_day, store, chart, name as platform, rank, depth as looked_down_to,
              confidence
            from marts.fct_chart_rank_daily
            join marts.dim_platform using (platform_id)
            join span using (country)
            where store_date between first_day and last_day
              and (platform_id in (select platform_id from members) or confidence is not null)
              and (rank_status = 'ranked' or (rank_status = 'unranked' and depth >= 10))
            order by store_date, store, chart, rank, platform
            """,
            none="Nobody looked at a chart of the country in the window of the episode.",
            lead="Each rank of the platforms of the episode that was seen in the country, and each that was "
            "published of another watched one. Without a rank, the app was looked for and was not among the "
            "first so many. Days without a row were not looked at.",
        ),
        Figure(
            """
            with $span
            select name as platform, store, min(store_date) as first_out, max(store_date) as last_out,
              count(*) as days
            from marts.fct_chart_rank_daily
            join marts.dim_platform using (platform_id)
            join span using (country)
            where rank_status = 'delisted' and chart = 'top_free_overall'
              and store_date between first_day and last_day
            group by platform, store
            order by platform, store
            """,
            told="{platform} was out of {store} for most of each day from {first_out} to {last_out} "
            "({days} days): no rank of these days is known, and none is made up.",
            none="No watched app was removed from a store of the country in the window.",
        ),
    ),
)

WHEN = Section(
    "When it began",
    (
        Figure(
            """
            select name as platform, store, country, chart, onset_date, onset_after_date, peak_rank,
              peak_date, peak_date - onset_date as least, peak_date - onset_after_date - 1 as most
            from marts.migration_episodes
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and onset_date is not null
            order by platform, store, country, chart
            """,
            told="{platform}, {store} {country} ({chart}): the climb begins after {onset_after_date}, the "
            "last look before, and on {onset_date} at the latest; best rank {peak_rank}, first seen on "
            "{peak_date}. From one to the other: {least} to {most} days.",
            untold="{platform}, {store} {country} ({chart}): the climb begins on {onset_date} at the latest, "
            "and nobody looked before; best rank {peak_rank}, first seen on {peak_date}. From one to the "
            "other: {least} day(s) at least.",
            none="No chart shows a climb.",
        ),
        Figure(
            """
            with $span,
            $members
            select name as platform, signal, series_date as day, robust_z
            from marts.surges
            join members using (platform_id)
            join marts.dim_platform using (platform_id)
            join span on series_date between first_day and last_day
            where surge_onset
            order by day, platform, signal
            """,
            told="A surge of `{signal}` for {platform} begins on {day}, {robust_z:.1f} robust standard "
            "deviations above the 28 days before.",
            none="No series shows a surge: above 3.5 robust standard deviations on two days in a row.",
        ),
    ),
)

HOW_MUCH = Section(
    "How much, and by whose estimate",
    (
        Figure(
            """
            with $span,
            $members
            select name as platform, metric, geography, first_date, last_date, comparison, providers,
              min_value, lowest_provider, max_value, highest_provider, ratio, figures
            from marts.source_agreement
            join members using (platform_id)
            join marts.dim_platform using (platform_id)
            join span on first_date <= last_day
              and last_date >= case when period = 'day' then first_day else first_day - 400 end
            where comparison <> 'neighbouring_days' or first_date < last_date
            order by ratio desc, platform, metric, geography, first_date
            """,
            told="{platform}, {metric} in {geography}, {comparison}, from {first_date} to {last_date}: "
            "{providers} providers, from {min_value} ({lowest_provider}) to {max_value} "
            "({highest_provider}), a factor of {ratio}. In detail: {figures}.",
            none="No two providers gave a figure for the same days, so that none can be held against "
            "another.",
            lead="Where providers speak of the same or of neighbouring days, they are set side by side and "
            "never averaged. Figures of the year before count as well.",
        ),
        Figure(
            """
            select observed_date as day, date_precision as precision, name as platform, metric,
              value_bound as bound, value, unit, provider, geography, channel as measured_in, confidence,
              statement_id as fact
            from marts.fct_published_metrics
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and unit in ('users', 'downloads')
            order by observed_date, platform, metric, statement_id
            """,
            none="No users or downloads were published.",
            lead="Users and downloads as published. Where the precision is unknown, the day is a stand-in:",
        ),
        Figure(
            """
            select observed_date as day, date_precision as precision, name as platform, metric,
              value_bound as bound, value, unit, provider, geography, confidence, statement_id as fact
            from marts.fct_published_metrics
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and subject_type = 'platform' and unit in ('pct', 'x')
            order by observed_date, platform, metric, statement_id
            """,
            none="No change was published.",
            lead="Changes and shares as published:",
        ),
        Figure(
            """
            with $span,
            $members
            select store, chart, min(min_downloads_per_day) as least, anchor_year,
              anchor_provider
            from marts.demand_index
            join members using (platform_id)
            join span using (country)
            where rank = 1 and downloads_per_day is not null and store_date between first_day and last_day
            group by store, chart, anchor_year, anchor_provider
            order by store, chart
            """,
            told="Number 1 of {store} ({chart}) stood for {least} downloads a day or more, if what "
            "{anchor_provider} published for {anchor_year:d} still held: a scenario, no count.",
            none="What a number 1 stood for in downloads cannot be told: no destination was there, or "
            "nobody published an anchor for that chart within five years.",
        ),
    ),
)

ATTENTION = Section(
    "Who was talked about",
    (
        Figure(
            """
            select source, platforms_counted, platforms_in_set, ratio_to_baseline, total_displacement,
              js_divergence, displacement_null_reason
            from marts.attention_displacement
            where episode_id = $episode and period = 'window'
            order by source
            """,
            told="`{source}` (counts {platforms_counted} of the {platforms_in_set} platforms): "
            "{ratio_to_baseline:.1f} times the attention of the weeks before; {total_displacement:.1%} of "
            "it changed hands (Jensen-Shannon divergence {js_divergence:.4f} bits).",
            untold="`{source}` (counts {platforms_counted} of the {platforms_in_set} platforms): no "
            "displacement can be told, since {displacement_null_reason}.",
            none="No source counts the platforms of this episode.",
        ),
        Figure(
            """
            select source, name as platform, platform_role as role, sum(value) as items,
              sum(value) / sum(total_value) as share, min(baseline_share) as share_before
            from marts.share_of_voice_daily
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and share is not null and not is_baseline
            group by source, platform, role
            order by source, share desc, platform
            """,
            none="On no day is the whole set known, so that there is no share of voice.",
            lead="Share of voice over the days of the window on which the whole set is known:",
        ),
        Figure(
            """
            select name as platform, index_date as day, migration_index, index_low, index_high, n_legs,
              legs_used
            from marts.migration_daily
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and migration_index is not null
            qualify row_number() over (
              partition by platform_id order by migration_index desc, index_date
            ) = 1
            order by migration_index desc, platform
            """,
            told="{platform}: the migration index is highest on {day}, at {migration_index:.2f} "
            "({index_low:.2f} to {index_high:.2f} under other weights), with {n_legs} of 4 legs: "
            "{legs_used}.",
            none="No destination has a migration index on any day.",
            lead="The index is a mean of robust z-scores. One leg is one signal, no more.",
        ),
        Figure(
            """
            select name as platform, count(*) as days,
              count(case when migration_index is null then 1 end) as gaps,
              min(split_part(index_null_reason, ':', 1)) as reason
            from marts.migration_daily
            join marts.dim_platform using (platform_id)
            where episode_id = $episode
            group by platform
            having gaps > 0
            order by gaps desc, platform
            """,
            told="{platform}: no index on {gaps} of {days} days, since {reason}.",
            none="Every destination has an index on every day.",
        ),
    ),
)

WHO_LED = Section(
    "Who led whom",
    (
        Figure(
            """
            with $span,
            facts as (
              select *, split_part(subject, '/', 2) as country
              from marts.event_order where episode_id = $episode
            )
            select name as platform, chart.title as number_1, chart.earliest_at as from_utc,
              chart.latest_at as to_utc,
              case
                when chart.latest_at <= other.earliest_at then 'surely before'
                when other.latest_at <= chart.earliest_at then 'surely after'
                else 'not ordered'
              end as relation,
              other.title as other_fact, other.earliest_at as other_from_utc, other.latest_at as other_to_utc
            from facts as chart
            join facts as other using (platform_id)
            join marts.dim_platform using (platform_id)
            join span on span.country = chart.country
            where chart.fact_kind = 'number_one'
              and other.fact_kind in (
                'press_first', 'press_broad', 'news_rise', 'attention_rise', 'search_peak'
              )
              and platform_id in (select platform_id from marts.migration_daily where episode_id = $episode)
            order by platform, chart.step, other.step
            """,
            none="No number 1 stands beside a dated fact of press, news or search.",
            lead="By dated facts. A day is as wide as its zone makes it, and what overlaps is not ordered. "
            "An empty beginning means that nobody looked before.",
        ),
        Figure(
            """
            select name as platform, leader_series_id as leader, follower_series_id as follower, scale,
              overlap_points as points, best_lag, rho, chance_probability, verdict
            from marts.lead_lag
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and null_reason is null
            order by platform, leader, follower, scale
            """,
            told="{platform}, `{leader}` and `{follower}` ({scale}, {points} points): correlation "
            "{rho:.2f} at lag {best_lag}, probability by chance {chance_probability:.3f}. Verdict: "
            "{verdict}.",
            none="No two series of a platform have enough points in common for a cross-correlation.",
            lead="By cross-correlation of prewhitened series:",
        ),
        Figure(
            """
            select null_reason as reason, count(*) as pairs
            from marts.lead_lag
            where episode_id = $episode and null_reason is not null
            group by reason
            order by pairs desc, reason
            """,
            told="{pairs} pair(s) of series are not compared: {reason}.",
            none="No pair of series is left out.",
        ),
    ),
)

WHO_STAYED = Section(
    "Who stayed",
    (
        Figure(
            """
            select name as platform, half_life_days as days, half_life_provider as provider,
              half_life_first_date as first_day, half_life_last_date as last_day, half_life_points as points,
              coalesce(half_life_channel, 'channel not told') as channel
            from marts.migration_episodes
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and half_life_days is not null
            group by all
            order by platform, provider
            """,
            told="Daily downloads of {platform} halved every {days:.2f} days from {first_day} to "
            "{last_day} ({provider}, {channel}, {points} published levels). {first_day} is the highest day "
            "that was told, and need not be the peak.",
            none="No half-life of downloads: nobody published two levels of one provider after a peak.",
        ),
        Figure(
            """
            select name as platform, signal, provider, anchor_date, horizon_days as days, horizon_date as day,
              persistence, confidence
            from marts.retention
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and role = 'destination' and signal_family = 'published'
              and persistence is not null
            order by platform, signal, provider, days
            """,
            told="{platform}, `{signal}` by {provider} (confidence {confidence}): {persistence:.1%} of "
            "the highest published level, of {anchor_date}, was left on {day}, {days} day(s) later.",
            none="No provider published a figure of use after a higher one.",
        ),
        Figure(
            """
            select name as platform, signal, geography, provider, horizon_date as day,
              sticky_uplift as times, confidence
            from marts.retention
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and role = 'destination' and signal_family = 'published'
              and sticky_uplift is not null
            order by platform, day, signal, geography, provider
            """,
            told="{platform}, `{signal}` ({geography}) by {provider} (confidence {confidence}): {times} "
            "times the level before, on {day}.",
            none="No provider published a level before and a level after.",
        ),
        Figure(
            """
            select name as platform, signal, peak_date, peak_value, half_life_days as days,
              excess_retention_30d as left_after_30_days
            from marts.episode_dynamics
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and half_life_days is not null
            order by platform, signal, series_id
            """,
            told="Attention to {platform} by `{signal}` peaks on {peak_date} at {peak_value}; half of the "
            "excess is gone after {days} day(s), and after 30 days {left_after_30_days:.0%} is left.",
            untold="Attention to {platform} by `{signal}` peaks on {peak_date} at {peak_value}; half of "
            "the excess is gone after {days} day(s).",
            none="No daily series has a peak with a level before it.",
        ),
        Figure(
            """
            select name as platform, signal, provider, anchor_date, horizon_date as day, bounce_back,
              confidence
            from marts.retention
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and bounce_back is not null
            order by platform, signal, provider, day
            """,
            told="The origin: of the fall of {platform} on {anchor_date}, {bounce_back:.0%} was made good "
            "by {day} (`{signal}`, {provider}, confidence {confidence}).",
            none="No series shows a fall of the origin and what came after it.",
        ),
        Figure(
            """
            select name as platform, measure, computed_value as computed, computed_series as from_series,
              channel as measured_in, benchmark_value as published, benchmark_low as lowest_told,
              benchmark_high as highest_told, series as of_series, provider, benchmark_source as published_in
            from marts.episode_comparison
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and computed_value is not null and benchmark_value is not null
            order by platform, measure, series, provider
            """,
            none="Nobody published a measure of this migration that is computed here.",
            lead="Beside what was published of this migration:",
        ),
    ),
)

OUT_OF_THE_ORIGIN = Section(
    "Did it come out of the origin",
    (
        Figure(
            """
            select name as platform, observed_date as day, date_precision as precision, metric,
              value_bound as bound, value, unit, provider, geography, confidence, statement_id as fact
            from marts.fct_published_metrics
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and subject_type = 'platform'
              and metric in ('dau', 'dau_wow_pct', 'visits_day')
              and platform_id in (
                select origin_platform_id from marts.migration_daily where episode_id = $episode
              )
            order by day, metric, fact
            """,
            none="Nobody published how many people used the origin.",
            lead="How many used the origin, as published. Of people who leave, its rank shows nothing.",
        ),
        Figure(
            """
            select distinct metric, origin_baseline as before, origin_event as in_the_window
            from marts.diversion
            where episode_id = $episode and origin_baseline is not null and origin_event is not null
            order by metric
            """,
            told="`{metric}`: {before} and {in_the_window}.",
            none="Nobody measured the origin before and in the window in the same way.",
            lead="What `diversion` takes as the level before and as that of the window: of published figures "
            "the last one before it, be it of a holiday, and the lowest in it; of series, means of days.",
        ),
        Figure(
            """
            select count(*) as asked, count(diversion_ratio) as known
            from marts.diversion
            where episode_id = $episode
            having count(*) > 0
            """,
            told="A diversion ratio, what a destination gained of what the origin lost, was asked for in "
            "{asked} ways and can be told in {known}.",
            none="Nothing was asked.",
        ),
        Figure(
            """
            select diversion_null_reason as reason, count(*) as ways
            from marts.diversion
            where episode_id = $episode and diversion_ratio is null
            group by reason
            order by ways desc, reason
            """,
            told="Not told in {ways} way(s): {reason}.",
            none="All can be told.",
        ),
        Figure(
            """
            select name as platform, metric, diversion_ratio, diversion_low, diversion_high,
              share_predicted_ratio as predicted_by_size
            from marts.diversion
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and diversion_ratio is not null
            order by platform, metric
            """,
            none="So no figure says how many of those who came to a destination had left the origin.",
        ),
    ),
)

STOCKS = Section(
    "Who gained on the stock market",
    (
        Figure(
            """
            with tests as (
              select event_id, max(n_firms) as shares, max(mean_car) as mean_return,
                max(case when test = 'kolari_pynnonen' then p_value end) as p_kolari_pynnonen,
                max(case when test = 'corrado_rank' then p_value end) as p_corrado
              from marts.event_study_tests
              where group_id = 'all' and window_start = 0 and window_end = 0
              group by event_id
            ),
            single as (
              select event_id, min(event_session_date) as session,
                count(case when p_value < 0.05 then 1 end) as shares_with_p_below_5_percent,
                bool_or(is_confounded) as other_news
              from marts.event_study
              where window_start = 0 and window_end = 0 and car is not null
              group by event_id
            )
            select session, title as event, event_date as event_day, shares,
              round(mean_return, 4) as mean_abnormal_return,
              round(p_kolari_pynnonen, 3) as p_kolari_pynnonen, round(p_corrado, 3) as p_corrado,
              shares_with_p_below_5_percent, other_news
            from tests
            join single using (event_id)
            join marts.dim_event using (event_id)
            where episode_id = $episode
            order by session, event_date, event_id
            """,
            none="No event of this episode is studied: it has none for the markets, or no prices reach it.",
            lead="All watched shares together, beyond the market, on the session that first prices each "
            "event; events of one session are one reading. Both tests allow for shares that move together. "
            "One share in twenty has p below 0.05 by chance alone.",
        ),
        Figure(
            """
            select title as event, symbol, round(beta, 3) as beta, round(car, 4) as abnormal_return,
              round(t_statistic, 2) as t, round(p_value, 3) as p,
              round(placebo_p_value, 3) as p_by_placebo_dates, is_confounded as other_news_in_window
            from marts.event_study
            join marts.dim_event using (event_id)
            where episode_id = $episode and event_type = 'chart_milestone'
              and window_start = 0 and window_end = 5 and car is not null
            order by dim_event.event_date, title, abs(t_statistic) desc, symbol
            """,
            none="No share is studied around a milestone in the charts.",
            lead="Each share over the session of the milestone in the charts and the five after it:",
        ),
        Figure(
            """
            select title as event, symbol, round(car, 4) as abnormal_return, round(t_statistic, 2) as t,
              round(p_value, 3) as p, round(placebo_p_value, 3) as p_by_placebo_dates,
              is_confounded as other_news
            from marts.event_study
            join marts.dim_event using (event_id)
            where episode_id = $episode and window_start = 0 and window_end = 0 and p_value < 0.05
            order by dim_event.event_date, event_id, p_value, symbol
            """,
            none="No share moved beyond the market, at p below 0.05, on the session of an event.",
            lead="Shares with p below 0.05 on the session of an event:",
        ),
    ),
)

WHAT_IF = Section(
    "What would have been",
    (
        Figure(
            """
            select count(*) as series, count(case when effect_null_reason is null then 1 end) as estimated,
              count(case when is_acceptable then 1 end) as accepted
            from marts.counterfactual_summary
            where episode_id = $episode and not is_placebo
            having count(*) > 0
            """,
            told="Of {series} series, {estimated} have an estimate of what they would have been without "
            "the episode, and {accepted} of these pass all four conditions, without which none may be "
            "believed.",
            none="Nothing was estimated.",
        ),
        Figure(
            """
            select name as platform, signal, round(average_effect, 2) as effect_a_day,
              round(average_effect_lower_95, 2) as lower_95, round(average_effect_upper_95, 2) as upper_95,
              is_acceptable as accepted, not_acceptable_because as because
            from marts.counterfactual_summary
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and not is_placebo and effect_null_reason is null
            order by accepted desc, platform, signal, series_id
            """,
            none="There is no estimate.",
        ),
        Figure(
            """
            select effect_null_reason as reason, count(*) as series
            from marts.counterfactual_summary
            where episode_id = $episode and not is_placebo and effect_null_reason is not null
            group by reason
            order by series desc, reason
            """,
            told="No estimate for {series} series: {reason}.",
            none="No series is left without an estimate.",
        ),
    ),
)

CLAIMS = Section(
    "What is said and does not hold",
    (
        Figure(
            """
            with $span,
            $members,
            $named
            select verdict, count(*) as claims,
              count(case when published_date is null then 1 end) as undated
            from marts.fct_claims
            join named using (platform_id)
            cross join span
            where published_date is null or published_date between first_day - 365 and last_day + 365
            group by verdict
            order by claims desc, verdict
            """,
            told="Claims that are {verdict}: {claims}, {undated} of them in articles without a known day.",
            none="No article of the collection states a figure on these platforms within a year.",
        ),
        Figure(
            """
            with $span,
            $members,
            $named
            select verdict, count(*) as claims
            from marts.fct_claims
            join named using (platform_id)
            cross join span
            where published_date not between first_day - 365 and last_day + 365
            group by verdict
            order by claims desc, verdict
            """,
            told="Left out, since their articles are more than a year away: {claims} claim(s) that are "
            "{verdict}.",
            none="No claim on these platforms is left out.",
        ),
        Figure(
            """
            with $span,
            $members,
            $named
            select name as platform, metric, value, verdict, count(distinct article_id) as articles,
              string_agg(claim_id, ', ' order by claim_id) as claims, min(verdict_reason) as reason
            from marts.fct_claims
            join named using (platform_id)
            join marts.dim_platform using (platform_id)
            cross join span
            where verdict in ('contradicted', 'drifted', 'implausible')
              and (published_date is null or published_date between first_day - 365 and last_day + 365)
            group by platform, metric, value, verdict
            order by articles desc, platform, metric, value desc, verdict
            """,
            told="{platform}, {metric} {value}, in {articles} article(s): {verdict}, since {reason} "
            "({claims}).",
            none="None is contradicted, drifted or implausible.",
        ),
    ),
)

AGREEMENT = Section(
    "Where published figures and this warehouse differ",
    (
        Figure(
            """
            with computed as (
              select symbol as subject_id, session_date as observed_date,
                round(100 * simple_return, 2) as close_to_close
              from marts.fct_returns_daily
              qualify row_number() over (partition by symbol, session_date order by vintage desc) = 1
            )
            select statement_id as fact, observed_date as day, subject_id as share, metric,
              value_bound as bound, coalesce(value_low, value) as said_from,
              coalesce(value_high, value) as said_to, provider, confidence, close_to_close as computed,
              case
                when close_to_close is null then 'not known: no price of this share on this day'
                when metric = 'return_sign' and sign(close_to_close) = value then 'agrees'
                when metric not in ('return_pct', 'return_sign')
                  then 'not comparable: within the session or over several, and here are closes'
                when close_to_close >= coalesce(value_low, value) - 0.1
                  and close_to_close <= coalesce(value_high, value) + 0.1 then 'agrees'
                else 'differs'
              end as verdict
            from marts.fct_published_metrics
            left join computed using (subject_id, observed_date)
            where episode_id = $episode and subject_type = 'symbol'
            order by fact
            """,
            none="No return of a share was published.",
            lead="Returns, in per cent. Published figures count as agreeing within 0.1.",
        ),
        Figure(
            """
            select said.statement_id as fact, said.subject_id as said_of, said.provider,
              said.observed_date as said_peak, signal.subject as series, signal.fact_date as computed_peak,
              case
                when said.observed_date = signal.fact_date then 'agrees' else 'differs'
              end as verdict
            from marts.fct_published_metrics as said
            join marts.event_order as signal
              on signal.episode_id = said.episode_id and signal.fact_kind in ('attention_peak', 'news_peak')
            join marts.dim_platform
              on dim_platform.platform_id = signal.platform_id
              and lower(dim_platform.aliases) like '%' || lower(said.subject_id) || '%'
            where said.episode_id = $episode and said.metric = 'peak_date'
            order by fact, series
            """,
            none="No day of a peak was published that can be held against a series.",
            lead="Days of peaks. These are other signals than the published one, so a difference is no "
            "error.",
        ),
        Figure(
            """
            select name as platform, measure, computed_value as computed, computed_series as from_series,
              benchmark_value as published, benchmark_low as lowest_told, benchmark_high as highest_told,
              series as of_series, provider, benchmark_source as published_in,
              case when agrees_with_benchmark then 'agrees' else 'differs' end as verdict
            from marts.episode_comparison
            join marts.dim_platform using (platform_id)
            where episode_id = $episode and ratio_to_benchmark is not null
            order by platform, measure, provider
            """,
            none="No published measure of the migration is computed here as well.",
            lead="Measures of the migration, agreeing within 5 % of the published figure or of its range. "
            "A time to peak is computed of the chart, whatever series was published:",
        ),
        Figure(
            """
            with $span,
            seen as (
              select platform_id, store, store_date, min(min_downloads_per_day) as least
              from marts.demand_index
              join span using (country)
              where rank = 1 and chart = 'top_free_overall' and downloads_per_day is not null
              group by all
            )
            select said.statement_id as fact, name as platform, said.observed_date as day, said.metric,
              max(said.value) as published, said.provider, said.confidence, count(*) as looks_at_number_1,
              sum(least) as scenario_at_least,
              case when max(said.value) >= sum(least) then 'agrees' else 'differs' end as verdict
            from marts.fct_published_metrics as said
            join marts.dim_platform using (platform_id)
            join span on said.geography = span.country
            join seen
              on said.platform_id = seen.platform_id and contains(said.channel, seen.store)
              and seen.store_date <= said.observed_date
              and seen.store_date >= case
                when said.metric = 'downloads_day' then said.observed_date - 1
                else date_trunc('month', said.observed_date)
              end
            where said.episode_id = $episode and said.metric in ('downloads_day', 'downloads_month_to_date')
            group by all
            order by fact
            """,
            none="No downloads were published of a day or month in which the app was seen at number 1.",
            lead="Downloads as published, against what a number 1 stood for by anchors of other years, "
            "summed over the stores and days on which the app was seen there. Of a day, that day and the one "
            "before count. Where they differ, the anchors no longer held, or the provider counts less:",
        ),
        Figure(
            """
            with $span,
            $members
            select name as platform, store, chart, store_date as day, rank as best, worst_rank as worst
            from marts.fct_chart_rank_daily
            join members using (platform_id)
            join marts.dim_platform using (platform_id)
            join span using (country)
            where rank <> worst_rank and store_date between first_day and last_day
            order by day, platform, store, chart
            """,
            none="No two sources give different ranks for the same app, chart and day.",
            lead="Days on which looks at one chart differ:",
        ),
    ),
)

NOT_KNOWN = Section(
    "What is not known",
    (
        Figure(
            """
            with gaps as (
              select 'migration_episodes' as mart, 'onset' as what, onset_null_reason as reason
              from marts.migration_episodes where episode_id = $episode
              union all
              select 'migration_episodes', 'number 1', number_one_null_reason
              from marts.migration_episodes where episode_id = $episode
              union all
              select 'migration_episodes', 'half-life of downloads', half_life_null_reason
              from marts.migration_episodes where episode_id = $episode
              union all
              select 'migration_episodes', 'hours at number 1', hours_at_number_one_null_reason
              from marts.migration_episodes where episode_id = $episode
              union all
              select 'episode_dynamics', 'baseline', baseline_null_reason
              from marts.episode_dynamics where episode_id = $episode
              union all
              select 'episode_dynamics', 'half-life', half_life_null_reason
              from marts.episode_dynamics where episode_id = $episode
              union all
              select 'retention', 'excess retention', excess_retention_null_reason
              from marts.retention where episode_id = $episode and role = 'destination'
              union all
              select 'event_study', 'abnormal return', null_reason
              from marts.event_study join marts.dim_event using (event_id) where episode_id = $episode
            )
            select mart, what, reason, count(*) as rows
            from gaps
            where reason is not null
            group by mart, what, reason
            order by mart, what, rows desc, reason
            """,
            none="Nothing that was asked is missing.",
            lead="Each gap has its reason in the mart. The most that is missing, and why:",
        ),
        Figure(
            """
            with $span
            select store, chart, min(last_day - first_day + 1) as days_in_all,
              count(
                distinct case when rank_status in ('ranked', 'unranked') then store_date end
              ) as days_looked_at
            from marts.fct_chart_rank_daily
            join span using (country)
            where store_date between first_day and last_day
            group by store, chart
            order by store, chart
            """,
            told="{store} ({chart}): somebody looked on {days_looked_at} of {days_in_all} days of the "
            "window, mostly for single apps.",
            none="No chart of the country was looked at in the window.",
        ),
    ),
)

EVIDENCE = Section(
    "What it rests on",
    (
        Figure(
            """
            select statement_id as fact, observed_date as day, date_precision as precision,
              subject_id as subject, metric, value_bound as bound, value, unit, provider, geography,
              confidence, source_url as source
            from marts.fct_published_metrics
            where episode_id = $episode and confidence in ('A', 'B')
            order by statement_id
            """,
            none="No figure of confidence A or B was published.",
            lead="Published figures of confidence A and B, with where they can be read:",
        ),
    ),
)

SECTIONS = (
    IN_SHORT,
    WHAT_HAPPENED,
    WHO_ROSE,
    WHEN,
    HOW_MUCH,
    ATTENTION,
    WHO_LED,
    WHO_STAYED,
    OUT_OF_THE_ORIGIN,
    STOCKS,
    WHAT_IF,
    CLAIMS,
    AGREEMENT,
    NOT_KNOWN,
    EVIDENCE,
)
"""The page, in its order."""
