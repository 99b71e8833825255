{% set gap = survival_design().longest_gap %}
{% set key = 'platform_id, store, country, chart, top_n' %}
{{ config(
    materialized='incremental',
    meta={'day': 'store_date', 'look_back': gap, 'look_ahead': gap, 'years_of': 'fct_chart_rank_daily'}
) }}
with near_ranks as (
    select * from {{ ref('fct_chart_rank_daily') }}
    where {{ near_touched('store_date', gap, gap) }}
),

states as (
    {{ top_n_states('near_ranks', 'near_ranks') }}
),

neighboured as (
    select
        *,
        lag(state) over of_app as state_before,
        lag(store_date) over of_app as date_before,
        lead(state) over of_app as state_after,
        lead(store_date) over of_app as date_after
    from states
    window of_app as (partition by {{ key }} order by store_date)
),

-- What lies further away than the longest gap tells nothing.
near as (
    select
        {{ key }},
        store_date,
        state,
        case when {{ days_between('date_before', 'store_date') }} <= {{ gap }} then state_before end
            as state_before,
        case when {{ days_between('store_date', 'date_after') }} <= {{ gap }} then state_after end
            as state_after,
        case when {{ days_between('store_date', 'date_after') }} <= {{ gap }} then date_after end
            as date_after
    from neighboured
)

select
    {{ key }},
    store_date,
    coalesce(state_before = 'inside', false) as is_continued,
    coalesce(state_before != 'inside', false) as is_entry_observed,
    case when state_after != 'inside' then state_after end as state_after,
    case when state_after != 'inside' then date_after end as date_after
from near
where
    state = 'inside'
    -- Days within a stay say nothing more, and they are most.
    and (coalesce(state_before, '') != 'inside' or coalesce(state_after, '') != 'inside')
    and {{ is_touched('store_date') }}
