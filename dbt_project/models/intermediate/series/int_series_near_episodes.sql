{{ config(materialized='table') }}
select * from {{ ref('int_daily_series') }}
where series_date in (select days.near_date from {{ ref('int_days_near_episodes') }} as days)
