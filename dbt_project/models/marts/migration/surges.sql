{#- A day knows the quiet days before it, and two on either side of each of them. #}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['series_id', 'series_date'],
    meta={'day': 'series_date', 'look_back': 9, 'look_ahead': 2, 'years_of': 'int_series_baselines'}
) }}
{%- set before = 9 %}
{%- set after = 2 %}
{%- set design = surge_design() %}
{%- set threshold = design.threshold %}
with baselines as (
    select * from {{ ref('int_series_baselines') }}
    where {{ near_touched('series_date', before, after) }}
),

bursts as (
    select * from {{ ref('int_series_bursts') }}
),

sought as (
    select
        cast(series_id as varchar) as series_id,
        regime,
        penalty_factor,
        cast(break_date as date) as break_date,
        cast(first_date as date) as first_date,
        cast(last_date as date) as last_date,
        cast(null_reason as varchar) as null_reason
    from {{ ref('int_series_breaks') }}
),

health as (
    select
        *,
        -- Kept on this side: DuckDB joins by loops where a condition names the other side alone.
        'chart' as signal_family
    from {{ ref('fct_chart_health') }}
    where {{ near_touched('store_date', before, after) }}
),

apps as (
    select * from {{ ref('stg_raw__watch_apps') }}
    where store_app_id is not null
),

moves as (
    select
        'chart_log_rank' as signal,
        apps.platform_id,
        moves.store,
        moves.country,
        moves.chart,
        moves.store_date,
        max(moves.log_rank_shock) as log_rank_shock,
        count(*) as apps,
        bool_or(moves.is_censored) as is_censored
    from {{ ref('int_chart_moves') }} as moves
    inner join apps
        on
            moves.store = apps.store
            and moves.store_app_id = apps.store_app_id
    where
        moves.log_rank_shock is not null
        and {{ near_touched('moves.store_date', before, after) }}
    group by apps.platform_id, moves.store, moves.country, moves.chart, moves.store_date
),

sought_stretches as (
    select distinct
        series_id,
        regime,
        first_date,
        last_date,
        null_reason
    from sought
),

-- A day may lie in several stretches: one in which breaks could be told is enough.
sought_days as (
    select
        baselines.series_id,
        baselines.series_date,
        bool_or(sought_stretches.null_reason is null) as is_sought,
        min(sought_stretches.null_reason) as null_reason
    from baselines
    inner join sought_stretches
        on
            baselines.series_id = sought_stretches.series_id
            and baselines.regime = sought_stretches.regime
            and baselines.series_date between sought_stretches.first_date and sought_stretches.last_date
    group by baselines.series_id, baselines.series_date
),

breaks as (
    select
        series_id,
        break_date,
        count(distinct penalty_factor) as break_penalties
    from sought
    where break_date is not null
    group by series_id, break_date
),

joined as (
    select
        baselines.*,
        bursts.burst_state,
        bursts.burst_weight,
        breaks.break_penalties,
        sought_days.is_sought,
        sought_days.null_reason as sought_null_reason,
        health.chart_is_shocked,
        health.comparison_null_reason as health_null_reason,
        health.median_log_rank_shock,
        health.capture_id as health_capture_id,
        moves.log_rank_shock as chart_shock,
        moves.is_censored as chart_shock_is_censored,
        moves.apps,
        {{ days_between('baselines.previous_date', 'baselines.series_date') }} as days_since_previous,
        'a known break of the source: ' || baselines.outage_reason as outage_text,
        case
            when baselines.outage_reason is not null
                then 'a known break of the source: ' || baselines.outage_reason
            when baselines.scale is not null and baselines.scale > 0 then null
            when baselines.scale = 0 then 'the baseline never moved'
            else
                'only ' || baselines.baseline_days
                || ' of the {{ design.baseline_minimum }} days that a baseline needs'
                || coalesce(
                    case
                        when
                            baselines.series_date
                            < {{ days_after('baselines.regime_date', design.baseline_days) }}
                            then
                                ' since a known break of the source, '
                                || cast(baselines.regime_date as varchar) || ': ' || baselines.regime_reason
                    end,
                    ''
                )
        end as robust_z_null_reason
    from baselines
    left join bursts
        on
            baselines.series_id = bursts.series_id
            and baselines.series_date = bursts.series_date
    left join breaks
        on
            baselines.series_id = breaks.series_id
            and baselines.series_date = breaks.break_date
    left join sought_days
        on
            baselines.series_id = sought_days.series_id
            and baselines.series_date = sought_days.series_date
    left join health
        on
            baselines.signal_family = health.signal_family
            and baselines.store = health.store
            and baselines.country = health.country
            and baselines.chart = health.chart
            and baselines.series_date = health.store_date
    left join moves
        on
            baselines.signal = moves.signal
            and baselines.platform_id = moves.platform_id
            and baselines.store = moves.store
            and baselines.country = moves.country
            and baselines.chart = moves.chart
            and baselines.series_date = moves.store_date
),

-- 1 above the threshold, -1 below it, 0 within. A day on which the whole chart moved tells nothing of an app.
sided as (
    select
        *,
        case
            when robust_z_null_reason is not null then robust_z_null_reason
            when chart_is_shocked then 'the whole chart moved on this day'
        end as side_null_reason,
        case
            when robust_z_null_reason is not null or coalesce(chart_is_shocked, false) then null
            when robust_z > {{ threshold }} then 1
            when robust_z < -{{ threshold }} then -1
            else 0
        end as side
    from joined
),

neighboured as (
    select
        *,
        max(side) over of_day_before as side_before,
        max(side) over of_day_after as side_after,
        -- One day that nobody knows does not part a surge.
        coalesce(max(side) over of_day_before, max(side) over of_second_day_before) as near_side_before,
        coalesce(max(side) over of_day_after, max(side) over of_second_day_after) as near_side_after,
        max(usable_value) over of_quiet_days as highest_before
    from sided
    window
        of_day_before as (
            partition by series_id order by day_number range between 1 preceding and 1 preceding
        ),
        of_day_after as (
            partition by series_id order by day_number range between 1 following and 1 following
        ),
        of_second_day_before as (
            partition by series_id order by day_number range between 2 preceding and 2 preceding
        ),
        of_second_day_after as (
            partition by series_id order by day_number range between 2 following and 2 following
        ),
        of_quiet_days as (
            partition by series_id
            order by day_number
            range between {{ design.quiet_days }} preceding and 1 preceding
        )
),

flagged as (
    select
        *,
        case
            when side_null_reason is not null then side_null_reason
            when side = 0 or side in (near_side_before, near_side_after) then null
            when side_before is not null and side_after is not null then null
            else 'beyond the threshold, and a day beside it is not known'
        end as surge_null_reason,
        case
            when side = 0 then false
            when side in (near_side_before, near_side_after) then true
            when side_before is not null and side_after is not null then false
        end as is_in_run
    from neighboured
),

starts as (
    select
        *,
        bool_or(coalesce(is_in_run and side = 1, false)) over (
            partition by series_id
            order by day_number
            range between {{ design.quiet_days }} preceding and 1 preceding
        ) as was_in_surge,
        -- A wave that dwarfs the one that it comes upon is another.
        usable_value - baseline_median
        > {{ design.anew_factor }} * greatest(highest_before - baseline_median, 0) as is_anew
    from flagged
),

told as (
    select
        series_id,
        series_date,
        platform_id,
        signal_family,
        signal,
        store,
        country,
        chart,
        geography,
        day_zone,
        value,
        total,
        is_censored,
        previous_date,
        cast(days_since_previous as bigint) as days_since_previous,
        case
            when signal_family = 'chart' then usable_value - previous_value
            when usable_value > 0 and previous_value > 0 then ln(usable_value / previous_value)
        end as shock,
        case
            when outage_reason is not null then 'a known break of the source: ' || outage_reason
            when previous_date is null and regime > 0 then 'the first day after a known break of the source'
            when previous_date is null then 'the first day of the series'
            when previous_value is null then 'the day before lies in a known break of the source'
            when signal_family != 'chart' and (usable_value <= 0 or previous_value <= 0)
                then 'zero on one of the days: no ratio'
        end as shock_null_reason,
        coalesce(is_censored, false) or coalesce(previous_is_censored, false) as shock_is_censored,
        case when apps = 1 and not chart_shock_is_censored then chart_shock - median_log_rank_shock end
            as chart_relative_shock,
        case
            when signal != 'chart_log_rank' then 'told of log ranks alone'
            when health_capture_id is null then 'nobody captured the chart itself on this day'
            when health_null_reason is not null then health_null_reason
            when apps is null then 'in neither of the two captures'
            when apps > 1 then 'the platform has more than one app in the chart'
            when chart_shock_is_censored then 'in one of the two captures only'
            when median_log_rank_shock is null then 'no app is in both captures'
        end as chart_relative_shock_null_reason,
        chart_is_shocked,
        baseline_days,
        baseline_median,
        baseline_mad,
        case when robust_z_null_reason is null then scale end as scale,
        case
            when robust_z_null_reason is not null then null
            when scale > {{ mad_to_sigma() }} * baseline_mad then 'least scale of the signal'
            else 'MAD'
        end as scale_method,
        case when robust_z_null_reason is null then robust_z end as robust_z,
        robust_z_null_reason,
        case when robust_z_null_reason is null then ewma end as ewma,
        case
            when robust_z_null_reason is null
                then
                    baseline_median
                    - {{ design.ewma_limit }} * scale
                    * sqrt({{ design.ewma_weight }} / (2 - {{ design.ewma_weight }}))
        end as ewma_lower,
        case
            when robust_z_null_reason is null
                then
                    baseline_median
                    + {{ design.ewma_limit }} * scale
                    * sqrt({{ design.ewma_weight }} / (2 - {{ design.ewma_weight }}))
        end as ewma_upper,
        detrended_z,
        cusum_up,
        cusum_down,
        case
            when cusum_up is null then null
            when cusum_up > {{ design.cusum_limit }} and cusum_up >= cusum_down then 'up'
            when cusum_down > {{ design.cusum_limit }} then 'down'
            else 'none'
        end as cusum_alarm,
        case
            when detrended_z is not null then null
            when outage_reason is not null then 'a known break of the source: ' || outage_reason
            else
                'only ' || residual_days || ' of the {{ design.baseline_minimum }} days that a trend needs'
        end as cusum_null_reason,
        case
            when signal != 'chart_log_rank' and value_week_before > 0 then usable_value / value_week_before
        end as seasonal_ratio,
        case
            when signal = 'chart_log_rank' then 'a ratio of log ranks means nothing'
            when outage_reason is not null then 'a known break of the source: ' || outage_reason
            when value_week_before is null then 'nobody looked seven days before'
            when value_week_before <= 0 then 'zero seven days before'
        end as seasonal_ratio_null_reason,
        cast(burst_state as bigint) as burst_state,
        burst_weight,
        {{ burst_null_reason() }} as burst_null_reason,
        {{ sought_break_penalties() }} as break_penalties,
        {{ break_null_reason() }} as break_null_reason,
        case when surge_null_reason is null then is_in_run and side = 1 end as is_surge,
        case when surge_null_reason is null then is_in_run and side = -1 end as is_slump,
        case
            when surge_null_reason is null
                then
                    is_in_run and side = 1
                    and (not coalesce(was_in_surge, false) or coalesce(is_anew, false))
        end as surge_onset,
        surge_null_reason,
        regime_date as known_break_date,
        regime_reason as known_break_reason,
        provenance
    from starts
    where {{ is_touched('series_date') }}
),

sought_dates as (
    select distinct days.sought_date
    from (
        select {{ each_day('stretches.first_date', 'stretches.last_date') }} as sought_date
        from (
            select distinct
                first_date,
                last_date
            from sought_stretches
        ) as stretches
    ) as days
),

-- Counts may burst on any day.
stored_counts as (
    {{ stored_surges('told', "signal_family != 'chart'") }}
),

-- Most rows are of charts, which know no bursts, and of days outside all stretches, then and now.
{%- set reason = "signal_family = 'chart' and break_null_reason" %}
{%- set was_sought = [reason ~ " is null", reason ~ " != '" ~ not_sought() ~ "'"] %}
{%- set is_sought_now = "series_date in (select sought_dates.sought_date from sought_dates)" %}
stored_charts as (
    {{ stored_surges('told', was_sought[0]) }}
    union all
    {{ stored_surges('told', was_sought[1]) }}
    union all
    {{ stored_surges('told', reason ~ " = '" ~ not_sought() ~ "' and " ~ is_sought_now) }}
),

-- States come and go for all days of a regime at once.
had_states as (
    select
        series_id,
        known_break_date,
        bool_or(burst_state is not null) as has_states
    from stored_counts
    where total > 0
    group by series_id, known_break_date
),

other_states as (
    select
        had_states.series_id,
        had_states.known_break_date
    from had_states
    left join {{ ref('int_series_burst_rates') }} as rates
        on
            had_states.series_id = rates.series_id
            and had_states.known_break_date is not distinct from rates.regime_date
    where had_states.has_states != coalesce({{ has_burst_states('rates.base_rate') }}, false)
),

-- Most days were at rest and outside all stretches, and still are: only the others are compared.
perhaps_other as (
    select * from stored_charts
    union all
    (
        select * from stored_counts
        where burst_state = 1 or break_null_reason is distinct from '{{ not_sought() }}'
        union
        select stored_counts.*
        from stored_counts
        inner join sought_stretches
            on
                stored_counts.series_id = sought_stretches.series_id
                and stored_counts.series_date
                between sought_stretches.first_date and sought_stretches.last_date
        union
        select stored_counts.*
        from stored_counts
        inner join bursts
            on
                stored_counts.series_id = bursts.series_id
                and stored_counts.series_date = bursts.series_date
        where bursts.burst_state = 1
        union
        select stored_counts.*
        from stored_counts
        inner join other_states
            on
                stored_counts.series_id = other_states.series_id
                and stored_counts.known_break_date is not distinct from other_states.known_break_date
    )
),

-- A stretch lies within a regime, and days between its first and last are of that regime, too.
stored_sought as (
    select
        stored.series_id,
        stored.series_date,
        bool_or(sought_stretches.null_reason is null) as is_sought,
        min(sought_stretches.null_reason) as null_reason
    from perhaps_other as stored
    inner join sought_stretches
        on
            stored.series_id = sought_stretches.series_id
            and stored.series_date between sought_stretches.first_date and sought_stretches.last_date
    group by stored.series_id, stored.series_date
),

judged_again as (
    select
        stored.series_id,
        stored.series_date,
        stored.signal,
        stored.signal_family,
        stored.total,
        stored.outage_text,
        stored.burst_state as stored_burst_state,
        stored.burst_weight as stored_burst_weight,
        stored.break_penalties as stored_break_penalties,
        stored.break_null_reason as stored_break_null_reason,
        stored.burst_null_reason as stored_burst_null_reason,
        bursts.burst_state,
        bursts.burst_weight,
        breaks.break_penalties,
        stored_sought.is_sought,
        stored_sought.null_reason as sought_null_reason
    from perhaps_other as stored
    left join bursts
        on
            stored.series_id = bursts.series_id
            and stored.series_date = bursts.series_date
    left join breaks
        on
            stored.series_id = breaks.series_id
            and stored.series_date = breaks.break_date
    left join stored_sought
        on
            stored.series_id = stored_sought.series_id
            and stored.series_date = stored_sought.series_date
),

worded_again as (
    select
        *,
        {{ burst_null_reason() }} as new_burst_null_reason,
        {{ sought_break_penalties() }} as new_break_penalties,
        {{ break_null_reason() }} as new_break_null_reason
    from judged_again
),

found_other as (
    select * from worded_again
    where
        burst_state is distinct from stored_burst_state
        or burst_weight is distinct from stored_burst_weight
        or new_burst_null_reason is distinct from stored_burst_null_reason
        or new_break_penalties is distinct from stored_break_penalties
        or new_break_null_reason is distinct from stored_break_null_reason
)

select * from told
union all
select
    kept.* replace ( -- noqa: AM04, RF02
        cast(found_other.burst_state as bigint) as burst_state,
        found_other.burst_weight as burst_weight,
        found_other.new_burst_null_reason as burst_null_reason,
        found_other.new_break_penalties as break_penalties,
        found_other.new_break_null_reason as break_null_reason
    )
from {{ stored_rows('told') }} as kept
inner join found_other
    on
        kept.series_id = found_other.series_id
        and kept.series_date = found_other.series_date
where {{ is_kept('kept.series_date') }}
order by series_date, series_id
