{% set design = survival_design() %}
with ranks as (
    select * from {{ ref('fct_chart_rank_daily') }}
    where rank_status != 'not_fetched'
),

depths as (
    {% for depth in design.depths -%}
        select {{ depth }} as top_n
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Most apps never come as far up as most depths: their days are left out before they are multiplied.
bests as (
    select
        platform_id,
        store,
        country,
        chart,
        min(rank) as best_rank
    from ranks
    group by platform_id, store, country, chart
),

-- An app that was not among the first 5 may still have been among the first 25: such a day tells nothing.
states as (
    select
        ranks.platform_id,
        ranks.store,
        ranks.country,
        ranks.chart,
        depths.top_n,
        ranks.store_date,
        case
            when ranks.rank_status = 'delisted' then 'delisted'
            when ranks.rank <= depths.top_n then 'inside'
            when ranks.rank > depths.top_n or ranks.depth >= depths.top_n then 'outside'
        end as state
    from ranks
    inner join bests
        on
            ranks.platform_id = bests.platform_id
            and ranks.store = bests.store
            and ranks.country = bests.country
            and ranks.chart = bests.chart
    inner join depths on bests.best_rank <= depths.top_n
)

select * from states
where state is not null
