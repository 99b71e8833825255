{%- set design = event_study_design() %}
with models as (
    select * from {{ ref('int_market_models') }}
),

windows as (
    select * from {{ ref('int_window_returns') }}
    where is_designed
),

markets as (
    select * from {{ ref('int_event_markets') }}
),

neighbours as (
    select * from {{ ref('int_window_neighbours') }}
),

placebos as (
    select * from {{ ref('int_placebo_windows') }}
),

student_t_terms as (
    select * from {{ ref('int_student_t_terms') }}
),

tested as (
    select
        models.event_id,
        models.event_date,
        models.event_session_date,
        models.event_session_basis,
        models.symbol,
        models.company_id,
        models.benchmark_symbol,
        models.vintage,
        models.estimation_sessions,
        models.estimation_sessions
        < {% if design.estimation_first_date is none %}{{ design.estimation_longest }}
        {%- else %}models.market_sessions{% endif %} as is_short_estimation,
        models.estimation_first_date,
        models.estimation_last_date,
        models.alpha,
        models.beta,
        models.sigma,
        windows.window_start,
        windows.window_end,
        windows.n_sessions_in_window,
        windows.car,
        windows.bhar,
        windows.car_error,
        windows.car_prediction_error,
        windows.price_limit_share,
        windows.limit_hit,
        case
            when models.event_session_date is null then 'no session on the event''s day or after it'
            when models.estimation_sessions < {{ design.estimation_minimum }}
                then
                    'only ' || models.estimation_sessions
                    || ' sessions to estimate from, {{ design.estimation_minimum }} are needed'
            when models.beta is null then 'the benchmark does not move in the estimation window'
            when windows.n_sessions_in_window < windows.window_sessions
                then
                    'only ' || windows.n_sessions_in_window || ' of the window''s '
                    || windows.window_sessions || ' sessions have a return'
            when models.sigma = 0 then 'the returns follow the benchmark without residual'
        end as null_reason
    from models
    inner join windows
        on
            models.event_id = windows.event_id
            and models.company_id = windows.company_id
),

-- Either statistic has its p: `plain` takes the line as known, `prediction` as estimated.
statistics as (
    select
        *,
        'plain' as statistic,
        car / car_error as t
    from tested
    union all
    select
        *,
        'prediction' as statistic,
        car / car_prediction_error as t
    from tested
),

angles as (
    select
        event_id,
        company_id,
        window_start,
        window_end,
        statistic,
        estimation_sessions - {{ design.lost_degrees }} as df,
        atan(abs(t) / sqrt(estimation_sessions - {{ design.lost_degrees }})) as theta
    from statistics
    where t is not null
),

-- Student's t for a whole number of degrees of freedom: a finite series, so the value is exact.
-- Abramowitz and Stegun, 26.7.3 (odd) and 26.7.4 (even).
series as (
    select
        angles.event_id,
        angles.company_id,
        angles.window_start,
        angles.window_end,
        angles.statistic,
        angles.theta,
        terms.parity,
        sin(angles.theta) * {{ exact_sum(
            'terms.coefficient * power(cos(angles.theta), 2 * terms.k + terms.parity)'
        ) }} as total
    from angles
    inner join student_t_terms as terms
        on
            angles.df % 2 = terms.parity
            and angles.df >= 2 * terms.k + 2 + terms.parity
    group by
        angles.event_id, angles.company_id, angles.window_start, angles.window_end, angles.statistic,
        angles.theta, terms.parity
),

probabilities as (
    select
        *,
        -- Rounding may carry the series just past one.
        greatest(1 - case when parity = 0 then total else 2 / pi() * (theta + total) end, 0) as p
    from series
),

outside as (
    select
        event_id,
        company_id,
        window_start,
        window_end,
        max(case when statistic = 'plain' then p end) as p_value,
        max(case when statistic = 'prediction' then p end) as prediction_p_value
    from probabilities
    group by event_id, company_id, window_start, window_end
)

select
    tested.event_id,
    tested.event_date,
    tested.event_session_date,
    tested.symbol,
    tested.company_id,
    tested.benchmark_symbol,
    tested.vintage,
    cast(tested.estimation_sessions as bigint) as estimation_sessions,
    tested.is_short_estimation,
    tested.estimation_first_date,
    tested.estimation_last_date,
    cast(tested.window_start as bigint) as window_start,
    cast(tested.window_end as bigint) as window_end,
    cast(tested.n_sessions_in_window as bigint) as n_sessions_in_window,
    tested.alpha,
    tested.beta,
    tested.sigma,
    tested.car,
    tested.car / tested.car_error as t_statistic,
    tested.car / tested.car_prediction_error as prediction_t_statistic,
    outside.p_value,
    outside.prediction_p_value,
    tested.null_reason,
    tested.bhar,
    cast(coalesce(placebos.placebo_windows, 0) as bigint) as placebo_windows,
    case
        when placebos.placebo_windows >= {{ design.placebo_minimum }}
            then (1.0 + placebos.placebo_windows_as_large) / (1 + placebos.placebo_windows)
    end as placebo_p_value,
    case
        when tested.car is null then tested.null_reason
        when placebos.placebo_windows < {{ design.placebo_minimum }}
            then
                'only ' || placebos.placebo_windows
                || ' windows without an event, {{ design.placebo_minimum }} are needed'
    end as placebo_null_reason,
    tested.price_limit_share,
    tested.limit_hit,
    markets.exchange,
    markets.benchmark_kind,
    markets.is_market_closed_on_event_day,
    neighbours.event_id is not null as is_confounded,
    neighbours.confounding_events,
    tested.event_session_basis,
    {{ event_study_convention() }}
from tested
inner join markets
    on
        tested.event_id = markets.event_id
        and tested.company_id = markets.company_id
left join placebos
    on
        tested.event_id = placebos.event_id
        and tested.company_id = placebos.company_id
        and tested.window_start = placebos.window_start
        and tested.window_end = placebos.window_end
left join neighbours
    on
        tested.event_id = neighbours.event_id
        and tested.company_id = neighbours.company_id
        and tested.window_start = neighbours.window_start
        and tested.window_end = neighbours.window_end
left join outside
    on
        tested.event_id = outside.event_id
        and tested.company_id = outside.company_id
        and tested.window_start = outside.window_start
        and tested.window_end = outside.window_end
order by
    tested.event_date, tested.event_id, tested.symbol, tested.company_id,
    tested.window_start, tested.window_end
