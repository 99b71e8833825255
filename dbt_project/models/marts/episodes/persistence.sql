{% set design = survival_design() %}
{% set chart = 'store, country, chart, top_n' %}
{% set curve = 'store, country, chart, top_n, end_dating' %}
{% set so_far = 'partition by ' ~ curve ~ ' order by days_since_entry'
    ~ ' rows between unbounded preceding and current row' %}
with stays as (
    select
        *,
        earliest_days as days,
        'day_after_last_seen_inside' as end_dating
    from {{ ref('int_top_n_stays') }}
    union all
    select
        *,
        latest_days as days,
        'first_day_seen_outside' as end_dating
    from {{ ref('int_top_n_stays') }}
),

spans as (
    select
        {{ curve }},
        count(*) as stays,
        count(case when not is_entry_observed then 1 end) as stays_without_observed_entry,
        min(entry_date) as first_entry_date,
        least(max(days), {{ design.last_day }}) as last_day
    from stays
    group by {{ curve }}
),

spine as (
    select
        *,
        {{ each_number('0', 'last_day') }} as days_since_entry
    from spans
),

ends as (
    select
        {{ curve }},
        days,
        count(*) as stays_ending,
        count(case when outcome = 'left' then 1 end) as exits,
        count(case when outcome = 'delisted' then 1 end) as delistings,
        count(case when outcome = 'censored' then 1 end) as censored
    from stays
    group by {{ curve }}, days
),

counted as (
    select
        spine.store,
        spine.country,
        spine.chart,
        spine.top_n,
        spine.end_dating,
        spine.days_since_entry,
        spine.stays,
        spine.stays_without_observed_entry,
        spine.first_entry_date,
        coalesce(ends.exits, 0) as exits,
        coalesce(ends.delistings, 0) as delistings,
        coalesce(ends.censored, 0) as censored,
        spine.stays - coalesce(sum(ends.stays_ending) over (
            partition by spine.store, spine.country, spine.chart, spine.top_n, spine.end_dating
            order by spine.days_since_entry
            rows between unbounded preceding and 1 preceding
        ), 0) as at_risk
    from spine
    left join ends
        on
            spine.store = ends.store
            and spine.country = ends.country
            and spine.chart = ends.chart
            and spine.top_n = ends.top_n
            and spine.end_dating = ends.end_dating
            and spine.days_since_entry = ends.days
),

factors as (
    select
        *,
        exits = at_risk as all_left,
        exits + delistings = at_risk as all_ended,
        case when exits < at_risk then 1.0 - exits * 1.0 / at_risk else 1.0 end as stayed,
        case when exits + delistings < at_risk then 1.0 - (exits + delistings) * 1.0 / at_risk else 1.0 end
            as went_on
    from counted
),

-- A product as a sum of logarithms; what is once zero stays zero.
products as (
    select
        *,
        case
            when bool_or(all_left) over ({{ so_far }}) then 0.0
            else exp(sum(ln(stayed)) over ({{ so_far }}))
        end as survival,
        case
            when bool_or(all_ended) over ({{ so_far }}) then 0.0
            else exp(sum(ln(went_on)) over ({{ so_far }}))
        end as stay_probability,
        sum(case when exits < at_risk then exits * 1.0 / (at_risk * (at_risk - exits)) else 0.0 end)
            over ({{ so_far }}) as greenwood_sum
    from factors
),

before as (
    select
        *,
        coalesce(lag(stay_probability) over (partition by {{ curve }} order by days_since_entry), 1.0)
            as stay_probability_before
    from products
),

curves as (
    select
        *,
        -- Sums of fractions may end a last digit above 1.
        least(1.0, sum(stay_probability_before * exits / at_risk) over ({{ so_far }})) as exit_probability,
        least(1.0, sum(stay_probability_before * delistings / at_risk) over ({{ so_far }}))
            as delisting_probability,
        case when survival > 0 and survival < 1 then -sqrt(greenwood_sum) / ln(survival) end as relative_error
    from before
),

ages as (
    select
        {{ chart }},
        days_since_entry,
        count(case when state = 'inside' then 1 end) as days_inside,
        count(*) as days_known
    from {{ ref('int_top_n_states') }}
    group by {{ chart }}, days_since_entry
),

longevities as (
    select
        *,
        sum(days_inside) over (partition by {{ chart }} order by days_since_entry) * 1.0
        / sum(days_known) over (partition by {{ chart }} order by days_since_entry) as longevity,
        lead(days_since_entry) over (partition by {{ chart }} order by days_since_entry) as days_after
    from ages
)

select
    curves.store,
    curves.country,
    curves.chart,
    cast(curves.top_n as integer) as top_n,
    curves.end_dating,
    cast(curves.days_since_entry as integer) as days_since_entry,
    curves.stays,
    curves.stays_without_observed_entry,
    curves.first_entry_date,
    cast(curves.at_risk as bigint) as at_risk,
    curves.exits,
    curves.delistings,
    curves.censored,
    curves.survival,
    -- The interval of log(-log S), which stays within 0 and 1.
    case
        when curves.survival > 0 and curves.survival < 1
            then power(curves.survival, exp(1.959963984540054 * curves.relative_error))
    end as survival_low,
    case
        when curves.survival > 0 and curves.survival < 1
            then power(curves.survival, exp(-1.959963984540054 * curves.relative_error))
    end as survival_high,
    case
        when curves.survival >= 1 then 'nobody has left: nothing to judge an interval by'
        when curves.survival <= 0 then 'nobody is left: nothing to judge an interval by'
    end as interval_null_reason,
    curves.stay_probability,
    curves.exit_probability,
    curves.delisting_probability,
    longevities.longevity,
    benchmarks.value as benchmark_survival,
    benchmarks.source as benchmark_source
from curves
inner join longevities
    on
        curves.store = longevities.store
        and curves.country = longevities.country
        and curves.chart = longevities.chart
        and curves.top_n = longevities.top_n
        and curves.days_since_entry >= longevities.days_since_entry
        and curves.days_since_entry < coalesce(longevities.days_after, {{ design.last_day }} + 1)
left join {{ ref('benchmarks') }} as benchmarks
    on
        benchmarks.metric = 'survival_in_top_25'
        and curves.store = benchmarks.store
        and curves.country = benchmarks.country
        and curves.top_n = 25
        and curves.days_since_entry = benchmarks.horizon_days
order by curves.store, curves.country, curves.chart, curves.top_n, curves.end_dating, curves.days_since_entry
