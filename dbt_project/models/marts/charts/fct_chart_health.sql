{%- set design = surge_design() %}
{{ config(materialized='incremental', meta={'day': 'store_date', 'look_back': design.baseline_days}) }}
{%- set persistence = 0.9 %}
{%- set deepest = 1000 %}
{%- set least_share = 0.95 %}
with moves as (
    select * from {{ ref('int_chart_moves') }}
    where {{ near_touched('store_date', design.baseline_days) }}
),

numbers as (
    select {{ each_number(1, deepest) }} as n
),

-- What the ranks down to n weigh: the sum of p^d / d.
weights as (
    select
        n,
        sum(power({{ persistence }}, n) / n) over (
            order by n
            rows between unbounded preceding and current row
        ) as weight
    from numbers
),

shared as (
    select
        store,
        country,
        chart,
        store_date,
        store_app_id,
        rank,
        previous_rank,
        log_rank_shock,
        compared_depth
    from moves
    where rank is not null and previous_rank is not null
),

-- Without ties, which ranks do not have, tau-b is the share of pairs in order, from -1 to 1.
pairs as (
    select
        one.store,
        one.country,
        one.chart,
        one.store_date,
        count(*) as pairs,
        count(case when one.previous_rank > other.previous_rank then 1 end) as discordant_pairs
    from shared as one
    inner join shared as other
        on
            one.store = other.store
            and one.country = other.country
            and one.chart = other.chart
            and one.store_date = other.store_date
            and one.rank < other.rank
    group by one.store, one.country, one.chart, one.store_date
),

agreements as (
    select
        shared.store,
        shared.country,
        shared.chart,
        shared.store_date,
        count(*) as shared_apps,
        {{ median('shared.log_rank_shock') }} as median_log_rank_shock,
        {{ exact_sum('whole.weight - coalesce(above.weight, 0)') }} as overlap_weight
    from shared
    inner join weights as whole on shared.compared_depth = whole.n
    left join weights as above on greatest(shared.rank, shared.previous_rank) - 1 = above.n
    group by shared.store, shared.country, shared.chart, shared.store_date
),

days as (
    select
        store,
        country,
        chart,
        store_date,
        max(capture_id) as capture_id,
        max(previous_date) as previous_date,
        max(depth) as depth,
        max(previous_depth) as previous_depth,
        max(compared_depth) as compared_depth,
        count(rank) as entries,
        count(previous_rank) as previous_entries
    from moves
    group by store, country, chart, store_date
),

judged as (
    select
        days.*,
        coalesce(agreements.shared_apps, 0) as shared_apps,
        agreements.median_log_rank_shock,
        coalesce(agreements.overlap_weight, 0) as overlap_weight,
        pairs.pairs,
        pairs.discordant_pairs,
        {{ days_between('days.previous_date', 'days.store_date') }} as days_since_previous,
        {{ days_between("date '2000-01-01'", 'days.store_date') }} as day_number,
        case
            when days.previous_date is null then 'the first look at this chart'
            when days.compared_depth > {{ deepest }} then 'deeper than {{ deepest }} ranks'
            when
                least(days.entries, days.previous_entries) < {{ least_share }} * days.compared_depth
                then
                    'of ' || days.compared_depth || ' ranks only '
                    || least(days.entries, days.previous_entries) || ' show an app with an id'
        end as comparison_null_reason
    from days
    left join agreements
        on
            days.store = agreements.store
            and days.country = agreements.country
            and days.chart = agreements.chart
            and days.store_date = agreements.store_date
    left join pairs
        on
            days.store = pairs.store
            and days.country = pairs.country
            and days.chart = pairs.chart
            and days.store_date = pairs.store_date
),

measured as (
    select
        *,
        case
            when comparison_null_reason is null
                then
                    cast(greatest(entries, previous_entries) - shared_apps as double)
                    / greatest(entries, previous_entries)
        end as churn,
        case
            when comparison_null_reason is null
                then cast(shared_apps as double) / (entries + previous_entries - shared_apps)
        end as jaccard,
        case
            when comparison_null_reason is null
                then
                    shared_apps * power({{ persistence }}, compared_depth) / compared_depth
                    + (1 - {{ persistence }}) / {{ persistence }} * overlap_weight
        end as rank_biased_overlap
    from judged
),

-- What a chart changes from one day to the next; what it changes in more days is more.
baselines as (
    select
        *,
        count(case when days_since_previous = 1 then churn end) over of_baseline as baseline_days,
        {{ median_over('case when days_since_previous = 1 then churn end', 'of_baseline') }} as churn_median,
        {{ mad_over('case when days_since_previous = 1 then churn end', 'of_baseline') }} as churn_mad
    from measured
    window of_baseline as (
        partition by store, country, chart
        order by day_number
        range between {{ design.baseline_days }} preceding and 1 preceding
    )
),

scored as (
    select
        *,
        case
            when churn is null then comparison_null_reason
            when days_since_previous > 1
                then 'the look before is ' || days_since_previous || ' days old'
            when baseline_days < {{ design.baseline_minimum }}
                then
                    'only ' || baseline_days
                    || ' of the {{ design.baseline_minimum }} days that a baseline needs'
        end as churn_z_null_reason
    from baselines
),

final as (
    select
        *,
        case
            when churn_z_null_reason is null
                -- No chart is steadier than one app.
                then (churn - churn_median) / greatest({{ mad_to_sigma() }} * churn_mad, 1.0 / compared_depth)
        end as churn_z
    from scored
)

select
    store,
    country,
    chart,
    store_date,
    capture_id,
    previous_date,
    cast(days_since_previous as bigint) as days_since_previous,
    depth,
    previous_depth,
    compared_depth,
    entries,
    case when previous_date is not null then previous_entries end as previous_entries,
    case when previous_date is not null then shared_apps end as shared_apps,
    churn,
    jaccard,
    case when churn is not null and pairs > 0 then 1 - 2.0 * discordant_pairs / pairs end as kendall_tau_b,
    rank_biased_overlap,
    case when churn is not null then median_log_rank_shock end as median_log_rank_shock,
    comparison_null_reason,
    case
        when comparison_null_reason is not null then comparison_null_reason
        when coalesce(pairs, 0) = 0 then 'fewer than two apps are in both'
    end as kendall_null_reason,
    baseline_days,
    churn_median,
    churn_mad,
    churn_z,
    churn_z_null_reason,
    churn_z > {{ design.threshold }} as chart_is_shocked
from final
where {{ is_touched('store_date') }}
order by store_date, store, country, chart
