{{ config(materialized='table') }}
with charts as (
    select distinct
        platform_id,
        store,
        country,
        chart
    from {{ ref('fct_chart_rank_daily') }}
),

counts as (
    select distinct
        'attention' as signal_family,
        source as signal,
        platform_id
    from {{ ref('fct_attention_daily') }}
    union all
    select distinct
        'news' as signal_family,
        source as signal,
        platform_id
    from {{ ref('fct_news_daily') }}
    where platform_id is not null
),

chart_signals as (
    select
        'chart_visibility' as signal,
        *
    from charts
    union all
    select
        'chart_log_rank' as signal,
        *
    from charts
)

select
    {{ chart_series_id('signal') }} as series_id,
    platform_id,
    'chart' as signal_family,
    signal,
    store,
    country,
    chart
from chart_signals
union all
select
    {{ count_series_id('signal', 'platform_id') }} as series_id,
    platform_id,
    signal_family,
    signal,
    cast(null as varchar) as store,
    cast(null as varchar) as country,
    cast(null as varchar) as chart
from counts
