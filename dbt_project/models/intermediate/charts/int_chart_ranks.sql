{{ config(materialized='incremental', meta={'day': 'store_date'}) }}
with entries as (
    select * from {{ ref('stg_raw__chart_entries') }}
    where {{ is_touched('store_date') }}
),

apps as (
    select * from {{ ref('stg_raw__watch_apps') }}
    where store_app_id is not null
),

-- The store's id says whose app it is; a person's reading counts only where there is no id.
recognised as (
    select
        entries.capture_id,
        coalesce(apps.platform_id, entries.platform_id) as platform_id,
        entries.store,
        entries.country,
        entries.chart,
        entries.store_date,
        entries.rank,
        entries.source,
        entries.observed_at,
        entries.provenance
    from entries
    left join apps
        on
            entries.store = apps.store
            and entries.store_app_id = apps.store_app_id
)

select
    capture_id,
    platform_id,
    store,
    country,
    chart,
    store_date,
    min(rank) as rank,
    min(source) as source,
    max(observed_at) as observed_at,
    min(provenance) as provenance
from recognised
where platform_id is not null
group by capture_id, platform_id, store, country, chart, store_date
-- Days that are asked for together stand together.
order by store_date
