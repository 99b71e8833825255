{{ config(materialized='table') }}
{%- set reach = episode_reach() -%}
with days as (
    select {{ each_day(
        days_after('window_start', -reach.before), days_after('window_end', reach.after)
    ) }} as series_date
    from {{ ref('stg_raw__watch_episodes') }}
)

select * from {{ ref('int_daily_series') }}
where series_date in (select days.series_date from days)
