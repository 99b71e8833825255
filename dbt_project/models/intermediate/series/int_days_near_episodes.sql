{{ config(materialized='table') }}
{%- set reach = episode_reach() -%}
with days as (
    select {{ each_day(
        days_after('window_start', -reach.before), days_after('window_end', reach.after)
    ) }} as near_date
    from {{ ref('stg_raw__watch_episodes') }}
)

select distinct near_date from days
