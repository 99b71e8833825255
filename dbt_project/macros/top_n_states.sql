{#
    Whether an app was inside, outside or removed, per platform, chart, depth and day: by a look for the app itself
    or, at number 1, by a look that found another there. `ranks`: rows of `fct_chart_rank_daily`, of the apps that are
    told of; `all_ranks`: of all apps in the same charts. Days of an app that no look shows inside are left out.
#}
{% macro top_n_states(ranks, all_ranks) %}
{%- set design = survival_design() -%}
with ranks as (
    select * from {{ ranks }}
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

leaders as (
    select distinct
        store,
        country,
        chart,
        store_date
    from {{ all_ranks }}
    where rank = 1
),

-- An app that was not among the first 5 may still have been among the first 25: such a day tells nothing.
looked_for as (
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
    where ranks.rank_status != 'not_fetched'
),

-- Nobody looked for the app, but another was seen at number 1: then this one was not.
led_by_another as (
    select
        ranks.platform_id,
        ranks.store,
        ranks.country,
        ranks.chart,
        1 as top_n,
        ranks.store_date,
        'outside' as state
    from ranks
    inner join bests
        on
            ranks.platform_id = bests.platform_id
            and ranks.store = bests.store
            and ranks.country = bests.country
            and ranks.chart = bests.chart
    inner join leaders
        on
            ranks.store = leaders.store
            and ranks.country = leaders.country
            and ranks.chart = leaders.chart
            and ranks.store_date = leaders.store_date
    where bests.best_rank = 1 and ranks.rank_status = 'not_fetched'
)

select * from looked_for
where state is not null
union all
select * from led_by_another
{% endmacro %}
