{{ config(materialized='incremental', meta={'day': 'store_date', 'years_of': 'fct_chart_rank_daily'}) }}
{%- set anchor_years = 5 %}
{%- set unbounded = "'nothing is above rank 1: no upper bound is known'" %}
{%- set no_anchor = "'no published downloads of this chart within " ~ anchor_years ~ " years'" %}
with ranks as (
    select * from {{ ref('fct_chart_rank_daily') }}
    where {{ is_touched('store_date') }}
),

exponents as (
    select * from {{ ref('demand_exponents') }}
),

anchors as (
    select * from {{ ref('demand_anchors') }}
),

stores as (
    select distinct store from ranks
    union
    select distinct store from anchors
),

ordered as (
    select
        exponents.scenario,
        stores.store,
        exponents.first_rank,
        exponents.last_rank,
        exponents.exponent,
        exponents.basis_store,
        exponents.basis_country,
        exponents.basis_chart,
        exponents.basis_year,
        exponents.source,
        exponents.is_confirmed,
        -- A range begins where the one before it ends, so that the index has no step.
        coalesce(
            lag(exponents.last_rank) over (
                partition by exponents.scenario, stores.store
                order by exponents.first_rank
            ),
            1
        ) as start_rank
    from stores
    inner join exponents on coalesce(exponents.store, stores.store) = stores.store
),

segments as (
    select
        *,
        coalesce(
            sum(-exponent * ln(cast(last_rank as double) / start_rank)) over (
                partition by scenario, store
                order by first_rank
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as start_log
    from ordered
),

-- The rank itself or, of an app beyond the depth, the best that it can have been.
placed as (
    select
        *,
        cast(extract(year from store_date) as integer) as store_year,
        case
            when rank_status = 'ranked' then rank
            when rank_status = 'unranked' then depth + 1
        end as bound_rank
    from ranks
),

scenarios as (
    select distinct
        scenario,
        store
    from segments
),

bounds as (
    select distinct
        store,
        bound_rank
    from placed
    where bound_rank is not null
),

-- What a rank stands for depends on the store alone: computed once, not for every day.
curve as (
    select
        bounds.store,
        bounds.bound_rank,
        segments.scenario,
        segments.exponent,
        segments.basis_store,
        segments.basis_country,
        segments.basis_chart,
        segments.basis_year,
        segments.source,
        segments.is_confirmed,
        100 * exp(
            segments.start_log
            - segments.exponent * ln(cast(bounds.bound_rank as double) / segments.start_rank)
        ) as bound_index
    from bounds
    inner join segments
        on
            bounds.store = segments.store
            and bounds.bound_rank >= segments.first_rank
            and bounds.bound_rank <= coalesce(segments.last_rank, bounds.bound_rank)
),

spanned as (
    select
        *,
        min(bound_index) over (partition by store, bound_rank) as min_bound_index,
        max(case when scenario = 'mid' then bound_index end) over (partition by store, bound_rank)
            as mid_bound_index,
        max(bound_index) over (partition by store, bound_rank) as max_bound_index
    from curve
),

anchored as (
    select
        anchors.*,
        segments.scenario,
        100 * exp(
            segments.start_log
            - segments.exponent * ln(cast(anchors.anchor_rank as double) / segments.start_rank)
        ) as anchor_index
    from anchors
    inner join segments
        on
            anchors.store = segments.store
            and anchors.anchor_rank >= segments.first_rank
            and anchors.anchor_rank <= coalesce(segments.last_rank, anchors.anchor_rank)
),

asked as (
    select distinct
        store,
        country,
        chart,
        rank,
        store_year
    from placed
    where rank is not null
),

-- Within a year two published ranks enclose the asked one, or one is the asked one itself, or all lie on one
-- side of it. The better neighbour is `upper`, the worse `lower`.
neighbours as (
    select
        asked.store,
        asked.country,
        asked.chart,
        asked.rank,
        asked.store_year,
        anchors.anchor_year,
        max(case when anchors.anchor_rank <= asked.rank then anchors.anchor_rank end) as upper_rank,
        min(case when anchors.anchor_rank >= asked.rank then anchors.anchor_rank end) as lower_rank
    from asked
    inner join anchors
        on
            asked.store = anchors.store
            and asked.country = anchors.country
            and asked.chart = anchors.chart
            and abs(anchors.anchor_year - asked.store_year) <= {{ anchor_years }}
    group by
        asked.store, asked.country, asked.chart, asked.rank, asked.store_year, anchors.anchor_year
),

-- Between two anchors the straight line of the logarithms, whatever the scenario; beyond them the scenario's
-- exponent from the outermost. So one year's downloads never rise with the rank.
estimates as (
    select
        neighbours.store,
        neighbours.country,
        neighbours.chart,
        neighbours.rank,
        neighbours.store_year,
        neighbours.anchor_year,
        anchored.scenario,
        anchored.anchor_rank,
        case when neighbours.lower_rank > neighbours.upper_rank then neighbours.lower_rank end
            as anchor_next_rank,
        anchored.provider,
        anchored.confidence,
        anchored.source_url,
        case
            when neighbours.lower_rank = neighbours.upper_rank then anchored.downloads_per_day
            when neighbours.lower_rank > neighbours.upper_rank
                then anchored.downloads_per_day * power(
                    next_anchors.downloads_per_day / anchored.downloads_per_day,
                    ln(cast(neighbours.rank as double) / neighbours.upper_rank)
                    / ln(cast(neighbours.lower_rank as double) / neighbours.upper_rank)
                )
            else anchored.downloads_per_day * curve.bound_index / anchored.anchor_index
        end as downloads_per_day
    from neighbours
    inner join anchored
        on
            neighbours.store = anchored.store
            and neighbours.country = anchored.country
            and neighbours.chart = anchored.chart
            and neighbours.anchor_year = anchored.anchor_year
            and coalesce(neighbours.upper_rank, neighbours.lower_rank) = anchored.anchor_rank
    inner join curve
        on
            neighbours.store = curve.store
            and neighbours.rank = curve.bound_rank
            and anchored.scenario = curve.scenario
    left join anchors as next_anchors
        on
            neighbours.store = next_anchors.store
            and neighbours.country = next_anchors.country
            and neighbours.chart = next_anchors.chart
            and neighbours.anchor_year = next_anchors.anchor_year
            and neighbours.lower_rank = next_anchors.anchor_rank
),

-- The range is over every scenario and every year near enough: what number 1 took differed between years by
-- more than the scenarios tell.
ranged as (
    select
        *,
        min(downloads_per_day) over (partition by store, country, chart, rank, store_year)
            as min_downloads_per_day,
        max(downloads_per_day) over (partition by store, country, chart, rank, store_year)
            as max_downloads_per_day,
        row_number() over (
            partition by store, country, chart, rank, store_year, scenario
            order by abs(anchor_year - store_year), anchor_year
        ) as year_order
    from estimates
),

downloads as (
    select * from ranged
    where year_order = 1
)

-- Unsorted: these are the most rows of all marts, and they come nearly in the order of the ranks.
select
    placed.platform_id,
    placed.store,
    placed.country,
    placed.chart,
    placed.store_date,
    scenarios.scenario,
    placed.store_zone,
    placed.rank,
    placed.rank_status,
    placed.depth,
    case when placed.rank is not null then spanned.bound_index end as demand_index,
    case when placed.rank is null then placed.rank_status_reason end as demand_index_null_reason,
    placed.rank_status = 'unranked' or coalesce(placed.rank = 1, false) as is_censored,
    coalesce(placed.rank = 1, false) as is_lower_bound,
    case when placed.rank_status = 'unranked' then spanned.bound_index end as demand_index_upper_bound,
    case when placed.rank is not null then spanned.min_bound_index end as min_demand_index,
    case when placed.rank is not null then spanned.mid_bound_index end as mid_demand_index,
    case when placed.rank > 1 then spanned.max_bound_index end as max_demand_index,
    case
        when placed.rank is null then placed.rank_status_reason
        when placed.rank = 1 then {{ unbounded }}
    end as max_demand_index_null_reason,
    spanned.exponent,
    spanned.source as exponent_source,
    cast(spanned.basis_year as bigint) as exponent_year,
    spanned.is_confirmed as exponent_is_confirmed,
    spanned.basis_store != placed.store
    or spanned.basis_country != placed.country
    or spanned.basis_chart != placed.chart as exponent_is_borrowed,
    downloads.downloads_per_day,
    case
        when placed.rank is null then placed.rank_status_reason
        when downloads.downloads_per_day is null then {{ no_anchor }}
    end as downloads_null_reason,
    downloads.min_downloads_per_day,
    case when placed.rank > 1 then downloads.max_downloads_per_day end as max_downloads_per_day,
    case
        when placed.rank is null then placed.rank_status_reason
        when downloads.downloads_per_day is null then {{ no_anchor }}
        when placed.rank = 1 then {{ unbounded }}
    end as max_downloads_per_day_null_reason,
    cast(downloads.anchor_year as bigint) as anchor_year,
    downloads.anchor_rank,
    downloads.anchor_next_rank,
    downloads.provider as anchor_provider,
    downloads.confidence as anchor_confidence,
    downloads.source_url as anchor_source_url,
    placed.provenance
from placed
inner join scenarios on placed.store = scenarios.store
left join spanned
    on
        placed.store = spanned.store
        and placed.bound_rank = spanned.bound_rank
        and scenarios.scenario = spanned.scenario
left join downloads
    on
        placed.store = downloads.store
        and placed.country = downloads.country
        and placed.chart = downloads.chart
        and placed.rank = downloads.rank
        and placed.store_year = downloads.store_year
        and scenarios.scenario = downloads.scenario
