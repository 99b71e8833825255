{{ config(materialized='incremental', meta={'day': 'store_date', 'spread': 'next_look'}) }}
with captures as (
    {{ comparable_looks() }}
),

numbered as (
    select
        capture_id,
        store,
        country,
        chart,
        store_date,
        depth,
        row_number() over (
            partition by store, country, chart, store_date
            order by captured_at desc nulls last, depth desc, capture_id asc
        ) as day_order
    from captures
),

-- One look a day, its last: looks within a day differ by less than those of two days.
looks as (
    select
        *,
        lag(capture_id) over of_chart as previous_capture_id,
        lag(store_date) over of_chart as previous_date,
        lag(depth) over of_chart as previous_depth
    from numbered
    where day_order = 1
    window of_chart as (partition by store, country, chart order by store_date)
),

days as (
    select * from looks
    where {{ is_touched('store_date') }}
),

compared as (
    select
        capture_id,
        store_date
    from {{ ref('stg_raw__capture_days') }}
    where
        capture_id in (
            select days.capture_id from days
            union
            select days.previous_capture_id from days
        )
),

entries as (
    select * from {{ ref('stg_raw__chart_entries') }}
    where
        store_app_id is not null
        and capture_id in (select compared.capture_id from compared)
        -- The days say nothing new, but an engine can tell by them what it need not read.
        and store_date in (select compared.store_date from compared)
),

ranks as (
    select
        capture_id,
        store_app_id,
        min(rank) as rank
    from entries
    group by capture_id, store_app_id
),

now as (
    select
        days.capture_id,
        ranks.store_app_id,
        ranks.rank
    from days
    inner join ranks on days.capture_id = ranks.capture_id
    where ranks.rank <= least(days.depth, coalesce(days.previous_depth, days.depth))
),

before as (
    select
        days.capture_id,
        ranks.store_app_id,
        ranks.rank
    from days
    inner join ranks on days.previous_capture_id = ranks.capture_id
    where ranks.rank <= least(days.depth, days.previous_depth)
),

moves as (
    select
        coalesce(now.capture_id, before.capture_id) as capture_id,
        coalesce(now.store_app_id, before.store_app_id) as store_app_id,
        now.rank,
        before.rank as previous_rank
    from now
    full outer join before
        on
            now.capture_id = before.capture_id
            and now.store_app_id = before.store_app_id
)

select
    days.store,
    days.country,
    days.chart,
    days.store_date,
    moves.store_app_id,
    days.capture_id,
    days.previous_date,
    days.depth,
    days.previous_depth,
    case when days.previous_depth is not null then least(days.depth, days.previous_depth) end
        as compared_depth,
    moves.rank,
    moves.previous_rank,
    -- Who comes or goes was or is at best just beyond the depth: a bound.
    case
        when days.previous_date is not null
            then
                ln(cast(coalesce(moves.previous_rank, least(days.depth, days.previous_depth) + 1) as double))
                - ln(cast(coalesce(moves.rank, least(days.depth, days.previous_depth) + 1) as double))
    end as log_rank_shock,
    days.previous_date is not null and (moves.rank is null or moves.previous_rank is null) as is_censored
from days
left join moves on days.capture_id = moves.capture_id
-- Days that are asked for together stand together.
order by days.store_date
