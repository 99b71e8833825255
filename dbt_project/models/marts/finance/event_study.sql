{%- set design = event_study_design() %}
with models as (
    select * from {{ ref('int_market_models') }}
),

returns as (
    select * from {{ ref('int_event_returns') }}
    where simple_return is not null and market_return is not null
),

student_t_terms as (
    select * from {{ ref('int_student_t_terms') }}
),

windows as (
    {% for first, last in design.windows -%}
        select
            {{ first }} as window_start,
            {{ last }} as window_end
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

abnormal as (
    select
        returns.event_id,
        returns.company_id,
        returns.tau,
        returns.simple_return - (models.alpha + models.beta * returns.market_return) as abnormal_return,
        returns.market_return - models.mean_market_return as market_deviation
    from returns
    inner join models
        on
            returns.event_id = models.event_id
            and returns.company_id = models.company_id
),

summed as (
    select
        models.event_id,
        models.company_id,
        windows.window_start,
        windows.window_end,
        windows.window_end - windows.window_start + 1 as window_sessions,
        count(abnormal.tau) as n_sessions_in_window,
        {{ in_order('sum', 'abnormal.abnormal_return', 'abnormal.tau') }} as car,
        {{ in_order('sum', 'abnormal.market_deviation', 'abnormal.tau') }} as market_deviation
    from models
    cross join windows
    left join abnormal
        on
            models.event_id = abnormal.event_id
            and models.company_id = abnormal.company_id
            and abnormal.tau between windows.window_start and windows.window_end
    group by models.event_id, models.company_id, windows.window_start, windows.window_end
),

tested as (
    select
        models.event_id,
        models.event_date,
        models.event_session_date,
        models.symbol,
        models.company_id,
        models.benchmark_symbol,
        models.vintage,
        models.estimation_sessions,
        models.estimation_sessions
        < {{ design.estimation_last - design.estimation_first + 1 }} as is_short_estimation,
        models.estimation_first_date,
        models.estimation_last_date,
        models.alpha,
        models.beta,
        models.sigma,
        summed.window_start,
        summed.window_end,
        summed.n_sessions_in_window,
        case when summed.n_sessions_in_window = summed.window_sessions then summed.car end as car,
        nullif(models.sigma, 0) * sqrt(summed.window_sessions) as car_error,
        nullif(models.sigma, 0) * sqrt(
            summed.window_sessions
            + power(summed.window_sessions, 2) / models.estimation_sessions
            + power(summed.market_deviation, 2) / models.market_sum_of_squares
        ) as car_prediction_error,
        case
            when models.event_session_date is null then 'no session on the event''s day or after it'
            when models.estimation_sessions < {{ design.estimation_minimum }}
                then
                    'only ' || models.estimation_sessions
                    || ' sessions to estimate from, {{ design.estimation_minimum }} are needed'
            when models.beta is null then 'the benchmark does not move in the estimation window'
            when summed.n_sessions_in_window < summed.window_sessions
                then
                    'only ' || summed.n_sessions_in_window || ' of the window''s '
                    || summed.window_sessions || ' sessions have a return'
            when models.sigma = 0 then 'the returns follow the benchmark without residual'
        end as null_reason
    from models
    inner join summed
        on
            models.event_id = summed.event_id
            and models.company_id = summed.company_id
),

angles as (
    select
        event_id,
        company_id,
        window_start,
        window_end,
        estimation_sessions - 2 as df,
        atan(abs(car / car_error) / sqrt(estimation_sessions - 2)) as theta
    from tested
    where car / car_error is not null
),

-- Student's t for a whole number of degrees of freedom: a finite series, so the value is exact.
-- Abramowitz and Stegun, 26.7.3 (odd) and 26.7.4 (even).
series as (
    select
        angles.event_id,
        angles.company_id,
        angles.window_start,
        angles.window_end,
        angles.theta,
        terms.parity,
        sin(angles.theta) * {{ in_order(
            'sum',
            'terms.coefficient * power(cos(angles.theta), 2 * terms.k + terms.parity)',
            'terms.k'
        ) }} as total
    from angles
    inner join student_t_terms as terms
        on
            angles.df % 2 = terms.parity
            and angles.df >= 2 * terms.k + 2 + terms.parity
    group by
        angles.event_id, angles.company_id, angles.window_start, angles.window_end, angles.theta, terms.parity
),

inside as (
    select
        event_id,
        company_id,
        window_start,
        window_end,
        case when parity = 0 then total else 2 / pi() * (theta + total) end as probability
    from series
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
    -- Rounding may carry the series just past one.
    case
        when inside.probability < 1 then 1 - inside.probability
        when inside.probability >= 1 then 0
    end as p_value,
    tested.null_reason
from tested
left join inside
    on
        tested.event_id = inside.event_id
        and tested.company_id = inside.company_id
        and tested.window_start = inside.window_start
        and tested.window_end = inside.window_end
order by
    tested.event_date, tested.event_id, tested.symbol, tested.company_id,
    tested.window_start, tested.window_end
