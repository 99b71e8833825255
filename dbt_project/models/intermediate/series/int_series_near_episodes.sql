{{ config(materialized='incremental', meta={'day': 'series_date'}) }}
select
    series_id,
    platform_id,
    signal_family,
    signal,
    store,
    country,
    chart,
    geography,
    day_zone,
    series_date,
    value,
    total,
    is_censored,
    value_null_reason,
    provenance
from {{ ref('int_daily_series') }}
where
    series_date in (select days.near_date from {{ ref('int_days_near_episodes') }} as days)
    and {{ is_touched('series_date') }}
