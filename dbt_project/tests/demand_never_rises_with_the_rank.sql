-- A worse rank of the same chart and year stands for no more demand: in the index, in downloads, in any bound.
with days as (
    select distinct
        store,
        country,
        chart,
        extract(year from store_date) as store_year,
        scenario,
        rank,
        demand_index,
        downloads_per_day,
        min_downloads_per_day,
        max_downloads_per_day
    from {{ ref('demand_index') }}
    where rank is not null
),

followed as (
    select
        *,
        lead(demand_index) over ranks as next_demand_index,
        lead(downloads_per_day) over ranks as next_downloads_per_day,
        lead(min_downloads_per_day) over ranks as next_min_downloads_per_day,
        lead(max_downloads_per_day) over ranks as next_max_downloads_per_day
    from days
    window ranks as (partition by store, country, chart, store_year, scenario order by rank)
)

select * from followed
where
    next_demand_index > demand_index
    or next_downloads_per_day > downloads_per_day
    or next_min_downloads_per_day > min_downloads_per_day
    or next_max_downloads_per_day > max_downloads_per_day
