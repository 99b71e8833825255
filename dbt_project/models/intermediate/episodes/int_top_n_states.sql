{% set design = survival_design() %}
-- Longevity counts days, not stays: an app that leaves and comes back is inside again.
with first_entries as (
    select
        platform_id,
        store,
        country,
        chart,
        top_n,
        min(entry_date) as first_entry_date
    from {{ ref('int_top_n_stays') }}
    group by platform_id, store, country, chart, top_n
),

-- Most days of most apps follow no entry: they are left out before anything is made of them.
followed_apps as (
    select
        platform_id,
        store,
        country,
        chart,
        min(first_entry_date) as first_date,
        {{ days_after('max(first_entry_date)', design.last_day) }} as last_date
    from first_entries
    group by platform_id, store, country, chart
),

followed_ranks as (
    select ranks.*
    from {{ ref('fct_chart_rank_daily') }} as ranks
    inner join followed_apps
        on
            ranks.platform_id = followed_apps.platform_id
            and ranks.store = followed_apps.store
            and ranks.country = followed_apps.country
            and ranks.chart = followed_apps.chart
            and ranks.store_date >= followed_apps.first_date
            and ranks.store_date <= followed_apps.last_date
),

states as (
    {{ top_n_states('followed_ranks', ref('fct_chart_rank_daily')) }}
)

select
    states.*,
    {{ days_between('first_entries.first_entry_date', 'states.store_date') }} as days_since_entry
from states
inner join first_entries
    on
        states.platform_id = first_entries.platform_id
        and states.store = first_entries.store
        and states.country = first_entries.country
        and states.chart = first_entries.chart
        and states.top_n = first_entries.top_n
        and states.store_date >= first_entries.first_entry_date
        and states.store_date <= {{ days_after('first_entries.first_entry_date', design.last_day) }}
