{%- set design = surge_design() %}
{%- set scale = design.burst_scale %}
with observations as (
    {{ burst_observations() }}
),

rates as (
    select * from {{ ref('int_series_burst_rates') }}
    where {{ has_burst_states('base_rate') }}
),

-- What a day adds to the cost of the state of burst over that of rest: below 0 it speaks for a burst.
costs as (
    select
        observations.series_id,
        observations.regime,
        observations.series_date,
        rates.base_rate,
        {{ design.burst_gamma }} * ln(cast(rates.batches as double)) as step_cost,
        -observations.usable_value * ln({{ scale }})
        - (observations.monitored - observations.usable_value)
        * ln((1 - {{ scale }} * rates.base_rate) / (1 - rates.base_rate)) as burst_cost
    from observations
    inner join rates
        on
            observations.series_id = rates.series_id
            and observations.regime = rates.regime
),

-- No day can be in a burst where none speaks for one.
lively as (
    select
        series_id,
        regime
    from costs
    where burst_cost < 0
    group by series_id, regime
),

remembered as (
    select
        costs.*,
        {{ remembered_observations('costs.burst_cost', 'cost', 'of_regime') }}
    from costs
    inner join lively
        on
            costs.series_id = lively.series_id
            and costs.regime = lively.regime
    window of_regime as (
        partition by costs.series_id, costs.regime
        order by costs.series_date
    )
),

-- Of two states only the difference of their costs matters to the cheapest path: it is this day's, and what
-- came before, kept between 0, since to rest costs nothing, and the cost of the step up.
week_1 as (
    select
        *,
        {{ clamped_steps('cost', 27, 21, 'step_cost', 'step_cost') }} as difference_1
    from remembered
),

week_2 as (
    select
        *,
        {{ clamped_steps('cost', 20, 14, 'difference_1', 'step_cost') }} as difference_2
    from week_1
),

week_3 as (
    select
        *,
        {{ clamped_steps('cost', 13, 7, 'difference_2', 'step_cost') }} as difference_3
    from week_2
),

week_4 as (
    select
        *,
        {{ clamped_steps('cost', 6, 0, 'difference_3', 'step_cost') }} as difference_4
    from week_3
),

forwards as (
    select
        series_id,
        regime,
        series_date,
        base_rate,
        burst_cost,
        step_cost,
        difference_4 as cost_difference
    from week_4
),

-- Backwards a day is decided by its own costs or, where they leave it open, by the day after.
decided as (
    select
        *,
        case when cost_difference < 0 then 1 when cost_difference >= step_cost then 0 end as decision
    from forwards
),

counted as (
    select
        *,
        count(decision) over (
            partition by series_id, regime
            order by series_date desc
            rows between unbounded preceding and current row
        ) as decision_number
    from decided
),

states as (
    select
        *,
        coalesce(max(decision) over (partition by series_id, regime, decision_number), 0) as burst_state
    from counted
),

islands as (
    select
        *,
        count(case when burst_state = 0 then 1 end) over (
            partition by series_id, regime
            order by series_date
            rows between unbounded preceding and current row
        ) as rests_before
    from states
),

weights as (
    select
        series_id,
        regime,
        rests_before,
        {{ in_order('sum', '-burst_cost', 'series_date') }} as burst_weight
    from islands
    where burst_state = 1
    group by series_id, regime, rests_before
)

select
    costs.series_id,
    costs.series_date,
    costs.base_rate,
    coalesce(islands.burst_state, 0) as burst_state,
    case when islands.burst_state = 1 then weights.burst_weight else 0.0 end as burst_weight
from costs
left join islands
    on
        costs.series_id = islands.series_id
        and costs.regime = islands.regime
        and costs.series_date = islands.series_date
left join weights
    on
        islands.series_id = weights.series_id
        and islands.regime = weights.regime
        and islands.rests_before = weights.rests_before
