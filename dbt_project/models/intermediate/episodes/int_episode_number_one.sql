{% set key = 'episode_id, platform_id, store, country, chart' %}
with days as (
    select * from {{ ref('int_episode_chart_days') }}
),

captures as (
    select
        days.episode_id,
        days.platform_id,
        days.store,
        days.country,
        days.chart,
        days.store_date,
        observations.captured_at,
        coalesce(observations.rank = 1, false) as is_first
    from {{ ref('int_chart_observations') }} as observations
    inner join days
        on
            observations.platform_id = days.platform_id
            and observations.store = days.store
            and observations.country = days.country
            and observations.chart = days.chart
            and observations.store_date = days.store_date
    where
        days.rank_status in ('ranked', 'unranked')
        and observations.store_date in (select asked.store_date from days as asked)
),

-- The last capture of a day is known where each tells its instant, or where all say the same.
closes as (
    select
        {{ key }},
        store_date,
        case
            when bool_and(is_first) then 'first'
            when not bool_or(is_first) then 'not_first'
            when count(captured_at) < count(*) then 'unknown'
            when
                max(case when is_first then captured_at end)
                > max(case when not is_first then captured_at end)
                then 'first'
            else 'not_first'
        end as close
    from captures
    group by {{ key }}, store_date
),

closed as (
    select
        {{ key }},
        count(case when close = 'first' then 1 end) as days_at_number_one_close,
        count(case when close = 'unknown' then 1 end) as days_with_unknown_close
    from closes
    group by {{ key }}
),

-- Two captures of one instant are one; a place that either shows is shown.
instants as (
    select
        {{ key }},
        captured_at,
        bool_or(is_first) as is_first
    from captures
    where captured_at is not null
    group by {{ key }}, captured_at
),

intervals as (
    select
        *,
        lead(captured_at) over (partition by {{ key }} order by captured_at) as next_captured_at
    from instants
),

-- From a capture until the next; what goes unseen for longer than a day and its margin is not counted on.
hours as (
    select
        {{ key }},
        {{ in_order(
            'sum',
            'case when is_first then least('
            ~ hours_between('captured_at', 'next_captured_at') ~ ', 26.0) else 0.0 end',
            'captured_at'
        ) }} as hours_at_number_one
    from intervals
    where next_captured_at is not null
    group by {{ key }}
),

firsts as (
    select
        {{ key }},
        store_date,
        {{ days_after('store_date', '-row_number() over (partition by ' ~ key ~ ' order by store_date)') }}
            as island
    from days
    where rank = 1
),

streaks as (
    select
        {{ key }},
        island,
        count(*) as streak_days
    from firsts
    group by {{ key }}, island
),

longest as (
    select
        {{ key }},
        max(streak_days) as longest_streak_days
    from streaks
    group by {{ key }}
)

select
    closed.episode_id,
    closed.platform_id,
    closed.store,
    closed.country,
    closed.chart,
    closed.days_at_number_one_close,
    closed.days_with_unknown_close,
    hours.hours_at_number_one,
    longest.longest_streak_days
from closed
left join hours
    on
        closed.episode_id = hours.episode_id
        and closed.platform_id = hours.platform_id
        and closed.store = hours.store
        and closed.country = hours.country
        and closed.chart = hours.chart
left join longest
    on
        closed.episode_id = longest.episode_id
        and closed.platform_id = longest.platform_id
        and closed.store = longest.store
        and closed.country = longest.country
        and closed.chart = longest.chart
