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

-- By these days an engine leaves out the rest before it joins.
followed_days as (
    select distinct days.followed_date
    from (
        select
            {{ each_day(
                'entry_days.first_entry_date', days_after('entry_days.first_entry_date', design.last_day)
            ) }} as followed_date
        from (select distinct first_entries.first_entry_date from first_entries) as entry_days
    ) as days
),

states as (
    {{ top_n_states('store_date in (select followed_days.followed_date from followed_days)') }}
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
