with figures as (
    select
        *,
        provider || ' ' || {{ readable_number('value') }} || ' ' || metric
        || coalesce(' (' || definition || ')', '')
        || case date_precision
            when 'unknown' then ' near ' || cast(observed_date as varchar) || ' (the day is not told)'
            when 'week' then ' in the week of ' || cast(observed_date as varchar)
            when 'month' then ' in the month from ' || cast(observed_date as varchar)
            when 'quarter' then ' in the quarter from ' || cast(observed_date as varchar)
            when 'year' then ' in the year from ' || cast(observed_date as varchar)
            else ' on ' || cast(observed_date as varchar)
        end as figure
    from {{ ref('int_figure_islands') }}
),

falls as (
    select * from {{ ref('int_published_falls') }}
),

-- What one provider counts changes from day to day; only its highest figure is set against others'.
providers as (
    select
        platform_id,
        metric_family as metric,
        geography,
        period,
        'same_day' as comparison,
        cast(observed_date as varchar) as place,
        provider,
        observed_date as first_date,
        observed_date as last_date,
        max(value) as highest_value,
        {{ distinct_text('figure', '; ') }} as figures
    from figures
    group by platform_id, metric_family, geography, period, observed_date, provider
    union all
    select
        platform_id,
        metric_family as metric,
        geography,
        period,
        'neighbouring_days' as comparison,
        cast(island as varchar) as place,
        provider,
        min(observed_date) as first_date,
        max(observed_date) as last_date,
        max(value) as highest_value,
        {{ distinct_text('figure', '; ') }} as figures
    from figures
    group by platform_id, metric_family, geography, period, island, provider
    union all
    select
        platform_id,
        'fall_of_daily_users_pct' as metric,
        geography,
        'day' as period,
        'overlapping_falls' as comparison,
        cast(island as varchar) as place,
        provider,
        min(first_date) as first_date,
        max(last_date) as last_date,
        max(fall_pct) as highest_value,
        {{ distinct_text('figure', '; ') }} as figures
    from falls
    group by platform_id, geography, island, provider
),

compared as (
    select
        *,
        min(highest_value) over (
            partition by platform_id, metric, geography, period, comparison, place
        ) as min_value,
        max(highest_value) over (
            partition by platform_id, metric, geography, period, comparison, place
        ) as max_value
    from providers
),

-- Do providers tell the same ups and downs? Two days that two providers both tell agree or do not.
daily as (
    select
        platform_id,
        metric_family,
        geography,
        period,
        island,
        provider,
        observed_date,
        max(value) as value
    from figures
    group by platform_id, metric_family, geography, period, island, provider, observed_date
),

pairs as (
    select
        first_day.platform_id,
        first_day.metric_family,
        first_day.geography,
        first_day.period,
        first_day.island,
        sign(second_day.value - first_day.value) * sign(other_second_day.value - other_first_day.value)
            as agreement
    from daily as first_day
    inner join daily as second_day
        on
            first_day.platform_id = second_day.platform_id
            and first_day.metric_family = second_day.metric_family
            and first_day.geography = second_day.geography
            and first_day.period = second_day.period
            and first_day.island = second_day.island
            and first_day.provider = second_day.provider
            and first_day.observed_date < second_day.observed_date
    inner join daily as other_first_day
        on
            first_day.platform_id = other_first_day.platform_id
            and first_day.metric_family = other_first_day.metric_family
            and first_day.geography = other_first_day.geography
            and first_day.period = other_first_day.period
            and first_day.island = other_first_day.island
            and first_day.observed_date = other_first_day.observed_date
            and first_day.provider < other_first_day.provider
    inner join daily as other_second_day
        on
            other_first_day.platform_id = other_second_day.platform_id
            and other_first_day.metric_family = other_second_day.metric_family
            and other_first_day.geography = other_second_day.geography
            and other_first_day.period = other_second_day.period
            and other_first_day.island = other_second_day.island
            and other_first_day.provider = other_second_day.provider
            and second_day.observed_date = other_second_day.observed_date
),

orders as (
    select
        platform_id,
        metric_family,
        geography,
        period,
        island,
        count(*) as compared_pairs,
        avg(cast(agreement as double)) as rank_order_agreement
    from pairs
    group by platform_id, metric_family, geography, period, island
),

ranges as (
    select
        platform_id,
        metric,
        geography,
        period,
        comparison,
        place,
        min(first_date) as first_date,
        max(last_date) as last_date,
        count(*) as providers,
        max(min_value) as min_value,
        min(case when highest_value = min_value then provider end) as lowest_provider,
        max(max_value) as max_value,
        min(case when highest_value = max_value then provider end) as highest_provider,
        {{ median('highest_value') }} as median_value,
        {{ distinct_text('figures', '; ') }} as figures
    from compared
    group by platform_id, metric, geography, period, comparison, place
)

select
    ranges.platform_id,
    ranges.metric,
    ranges.geography,
    ranges.period,
    ranges.comparison,
    ranges.first_date,
    ranges.last_date,
    ranges.providers,
    ranges.min_value,
    ranges.lowest_provider,
    ranges.max_value,
    ranges.highest_provider,
    ranges.max_value / ranges.min_value as ratio,
    ranges.median_value,
    ln(ranges.max_value / ranges.median_value) as max_log_ratio_to_median,
    ln(ranges.min_value / ranges.median_value) as min_log_ratio_to_median,
    case when ranges.providers >= 3 then orders.rank_order_agreement end as rank_order_agreement,
    case
        when ranges.providers < 3 then 'fewer than three providers'
        when ranges.comparison != 'neighbouring_days' then 'asked of a range of days alone'
        when orders.rank_order_agreement is null then 'no two providers tell the same two days'
    end as rank_order_null_reason,
    case
        when ranges.providers >= 3 and ranges.comparison = 'neighbouring_days'
            then coalesce(orders.compared_pairs, 0)
    end as rank_order_pairs,
    ranges.figures
from ranges
left join orders
    on
        ranges.comparison = 'neighbouring_days'
        and ranges.platform_id = orders.platform_id
        and ranges.metric = orders.metric_family
        and ranges.geography = orders.geography
        and ranges.period = orders.period
        and ranges.place = cast(orders.island as varchar)
where ranges.providers >= 2
order by
    ranges.platform_id, ranges.metric, ranges.geography, ranges.period, ranges.comparison, ranges.first_date
