{{ config(materialized='table') }}
{% set design = survival_design() %}
{% set key = 'platform_id, store, country, chart, top_n' %}
with states as (
    select
        *,
        lag(state) over (partition by {{ key }} order by store_date) as state_before,
        lag(store_date) over (partition by {{ key }} order by store_date) as date_before,
        lead(state) over (partition by {{ key }} order by store_date) as state_after,
        lead(store_date) over (partition by {{ key }} order by store_date) as date_after
    from {{ ref('int_top_n_states') }}
),

marked as (
    select
        *,
        coalesce(state_before = 'inside', false)
        and {{ days_between('date_before', 'store_date') }} <= {{ design.longest_gap }} as is_continued,
        coalesce({{ days_between('store_date', 'date_after') }} <= {{ design.longest_gap }}, false)
            as is_followed
    from states
    where state = 'inside'
),

-- Days within a stay say nothing more, and they are most.
ends as (
    select * from marked
    where not is_continued or not is_followed or state_after != 'inside'
),

numbered as (
    select
        *,
        sum(case when is_continued then 0 else 1 end) over (
            partition by {{ key }}
            order by store_date
            rows between unbounded preceding and current row
        ) as stay
    from ends
),

stays as (
    select
        {{ key }},
        stay,
        min(store_date) as entry_date,
        -- Seen outside shortly before, the entry is known; otherwise the app may have been there for long.
        bool_or(
            not is_continued
            and coalesce(state_before, 'inside') != 'inside'
            and {{ days_between('date_before', 'store_date') }} <= {{ design.longest_gap }}
        ) as is_entry_observed,
        max(store_date) as last_inside_date,
        max(case when not (is_followed and state_after = 'inside') and is_followed then state_after end)
            as state_after,
        max(case when not (is_followed and state_after = 'inside') and is_followed then date_after end)
            as date_after
    from numbered
    group by {{ key }}, stay
)

select
    {{ key }},
    entry_date,
    is_entry_observed,
    last_inside_date,
    case
        when state_after = 'outside' then 'left'
        when state_after = 'delisted' then 'delisted'
        else 'censored'
    end as outcome,
    case when state_after is not null then date_after end as end_date,
    -- An unseen end lies between the last day inside and the first day outside.
    case
        when state_after is null then {{ days_between('entry_date', 'last_inside_date') }}
        else {{ days_between('entry_date', 'last_inside_date') }} + 1
    end as earliest_days,
    {{ days_between('entry_date', 'coalesce(date_after, last_inside_date)') }} as latest_days
from stays
