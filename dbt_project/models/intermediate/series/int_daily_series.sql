-- A store day's position, on a scale where climbing is more: the visibility of a rank, nothing without one.
with charts as (
    select
        platform_id,
        store,
        country,
        chart,
        store_date,
        store_zone,
        rank_status,
        rank_status_reason,
        rank,
        depth,
        provenance
    from {{ ref('fct_chart_rank_daily') }}
),

chart_signals as (
    select
        'chart_visibility' as signal,
        *,
        case
            when rank_status = 'ranked' then ln(2) / ln(rank + 1.0)
            when rank_status = 'unranked' then 0.0
        end as value
    from charts
    union all
    select
        'chart_log_rank' as signal,
        *,
        -- Beyond the depth is at best the rank after it: a bound, and marked as such.
        case
            when rank_status = 'ranked' then -ln(cast(rank as double))
            when rank_status = 'unranked' then -ln(depth + 1.0)
        end as value
    from charts
)

select
    {{ chart_series_id('signal') }} as series_id,
    platform_id,
    'chart' as signal_family,
    signal,
    store,
    country,
    chart,
    country as geography,
    store_zone as day_zone,
    store_date as series_date,
    value,
    cast(null as double) as total,
    rank_status = 'unranked' as is_censored,
    case when value is null then rank_status_reason end as value_null_reason,
    provenance
from chart_signals
union all
select
    {{ count_series_id('source', 'platform_id') }} as series_id,
    platform_id,
    'attention' as signal_family,
    source as signal,
    cast(null as varchar) as store,
    cast(null as varchar) as country,
    cast(null as varchar) as chart,
    cast(null as varchar) as geography,
    day_zone,
    attention_date as series_date,
    cast(value as double) as value,
    cast(monitored_total as double) as total,
    value_status = 'below_cutoff' as is_censored,
    case
        when value is null and value_status = 'below_cutoff' then 'below what the source showed'
        when value is null then 'nobody looked on this day'
    end as value_null_reason,
    provenance
from {{ ref('fct_attention_daily') }}
union all
select
    {{ count_series_id('source', 'platform_id') }} as series_id,
    platform_id,
    'news' as signal_family,
    source as signal,
    cast(null as varchar) as store,
    cast(null as varchar) as country,
    cast(null as varchar) as chart,
    cast(null as varchar) as geography,
    day_zone,
    news_date as series_date,
    cast(matching_items as double) as value,
    cast(monitored_items as double) as total,
    false as is_censored,
    case when matching_items is null then coalesce(share_null_reason, 'nobody counted on this day') end
        as value_null_reason,
    provenance
from {{ ref('fct_news_daily') }}
where platform_id is not null
