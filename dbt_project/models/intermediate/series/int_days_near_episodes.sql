{{ config(materialized='table') }}
{%- set reach = episode_reach() -%}
with episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
)

select near.day as near_date
from ({{ days_of_windows('episodes', reach.before, reach.after) }}) as near
