with figures as (
    select
        *,
        provider || ' ' || {{ readable_number('value') }} || ' ' || metric
        || coalesce(' (' || definition || ')', '')
        || ' on ' || cast(observed_date as varchar) as figure
    from {{ ref('int_figure_islands') }}
),

-- What one provider counts changes from day to day; only its highest figure is set against others'.
providers as (
    select
        platform_id,
        metric_family,
        geography,
        period,
        island,
        provider,
        min(observed_date) as first_date,
        max(observed_date) as last_date,
        max(value) as highest_value,
        {{ distinct_text('figure', '; ') }} as figures
    from figures
    group by platform_id, metric_family, geography, period, island, provider
),

compared as (
    select
        *,
        min(highest_value) over (
            partition by platform_id, metric_family, geography, period, island
        ) as min_value,
        max(highest_value) over (
            partition by platform_id, metric_family, geography, period, island
        ) as max_value
    from providers
),

ranges as (
    select
        platform_id,
        metric_family as metric,
        geography,
        period,
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
    group by platform_id, metric_family, geography, period, island
)

select
    platform_id,
    metric,
    geography,
    period,
    first_date,
    last_date,
    providers,
    min_value,
    lowest_provider,
    max_value,
    highest_provider,
    max_value / min_value as ratio,
    median_value,
    ln(max_value / median_value) as max_log_ratio_to_median,
    ln(min_value / median_value) as min_log_ratio_to_median,
    figures
from ranges
where providers >= 2
order by platform_id, metric, geography, period, first_date
