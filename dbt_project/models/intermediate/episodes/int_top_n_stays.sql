{{ config(materialized='table') }}
{% set key = 'platform_id, store, country, chart, top_n' %}
with numbered as (
    select
        *,
        sum(case when is_continued then 0 else 1 end) over (
            partition by {{ key }}
            order by store_date
            rows between unbounded preceding and current row
        ) as stay
    from {{ ref('int_top_n_ends') }}
),

stays as (
    select
        {{ key }},
        stay,
        min(store_date) as entry_date,
        -- Seen outside shortly before, the entry is known; otherwise the app may have been there for long.
        bool_or(is_entry_observed) as is_entry_observed,
        max(store_date) as last_inside_date,
        max(state_after) as state_after,
        max(date_after) as date_after
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
