with groups as (
    select * from {{ ref('int_event_groups') }}
),

estimates as (
    select * from {{ ref('int_group_estimates') }}
),

models as (
    select * from {{ ref('int_market_models') }}
),

windows as (
    {{ event_study_windows() }}
),

returns as (
    select
        *,
        car / car_prediction_error as scar
    from {{ ref('int_window_returns') }}
    where car is not null
),

sessions as (
    select * from {{ ref('int_group_sessions') }}
    where is_event
),

firm_returns as (
    select
        groups.event_id,
        groups.group_kind,
        groups.group_id,
        groups.company_id,
        returns.window_start,
        returns.window_end,
        returns.car,
        returns.scar,
        models.sigma,
        models.estimation_sessions,
        case when returns.car != 0 then returns.car end as moved
    from groups
    inner join returns
        on
            groups.event_id = returns.event_id
            and groups.company_id = returns.company_id
    inner join models
        on
            groups.event_id = models.event_id
            and groups.company_id = models.company_id
),

-- Wilcoxon's ranks leave out firms that did not move; equal values share the mean of their ranks.
placed as (
    select
        *,
        rank() over by_size + (count(*) over of_one_size - 1) / 2.0 as place
    from firm_returns
    window
        by_size as (
            partition by event_id, group_kind, group_id, window_start, window_end
            order by abs(moved) nulls last
        ),
        of_one_size as (
            partition by event_id, group_kind, group_id, window_start, window_end, abs(moved)
        )
),

across as (
    select
        event_id,
        group_kind,
        group_id,
        window_start,
        window_end,
        count(*) as n_firms,
        {{ exact_sum('car') }} as sum_car,
        {{ exact_sum('power(car, 2)') }} as squares_car,
        min(car) < max(car) as has_spread,
        {{ exact_sum('scar') }} as sum_scar,
        {{ exact_sum('power(scar, 2)') }} as squares_scar,
        min(scar) < max(scar) as has_scaled_spread,
        {{ exact_sum('power(sigma, 2)') }} as sum_of_variances,
        {{ exact_sum('(estimation_sessions - 2.0) / (estimation_sessions - 4.0)') }} as patell_variance,
        sum(case when car > 0 then 1 else 0 end) as positive_firms,
        count(moved) as moved_firms,
        coalesce(sum(case when moved > 0 then place end), 0) as positive_places
    from placed
    group by event_id, group_kind, group_id, window_start, window_end
),

along as (
    select
        estimates.event_id,
        estimates.group_kind,
        estimates.group_id,
        windows.window_start,
        windows.window_end,
        windows.window_sessions,
        count(sessions.tau) as n_sessions,
        {{ in_order('sum', 'sessions.market_return - estimates.mean_market_return', 'sessions.tau') }}
            as market_deviation,
        {{ in_order('sum', 'sessions.rank_sum', 'sessions.tau') }} as rank_sum,
        {{ in_order('sum', 'sessions.modified_rank_sum', 'sessions.tau') }} as modified_rank_sum,
        {{ in_order('sum', 'sessions.sign_sum', 'sessions.tau') }} as sign_sum
    from estimates
    cross join windows
    left join sessions
        on
            estimates.event_id = sessions.event_id
            and estimates.group_kind = sessions.group_kind
            and estimates.group_id = sessions.group_id
            and sessions.tau between windows.window_start and windows.window_end
    group by
        estimates.event_id, estimates.group_kind, estimates.group_id,
        windows.window_start, windows.window_end, windows.window_sessions
)

select
    estimates.event_id,
    estimates.event_date,
    estimates.group_kind,
    estimates.group_id,
    along.window_start,
    along.window_end,
    along.window_sessions,
    estimates.n_benchmarks,
    estimates.n_group,
    estimates.mean_estimation_sessions,
    estimates.sd_mean_abnormal_return,
    estimates.share_positive,
    estimates.market_sum_of_squares,
    estimates.mean_correlation,
    coalesce(across.n_firms, 0) as n_firms,
    across.sum_car / across.n_firms as mean_car,
    case
        when across.has_spread
            then
                sqrt(
                    greatest(across.squares_car - power(across.sum_car, 2) / across.n_firms, 0)
                    / (across.n_firms - 1)
                )
    end as sd_car,
    across.sum_scar,
    across.sum_scar / across.n_firms as mean_scar,
    case
        when across.has_scaled_spread
            then
                sqrt(
                    greatest(across.squares_scar - power(across.sum_scar, 2) / across.n_firms, 0)
                    / (across.n_firms - 1)
                )
    end as sd_scar,
    across.sum_of_variances,
    across.patell_variance,
    across.positive_firms,
    across.moved_firms,
    across.positive_places,
    along.market_deviation,
    along.rank_sum / nullif(estimates.rank_deviation, 0) as rank_sum,
    along.modified_rank_sum / nullif(estimates.modified_rank_deviation, 0) as modified_rank_sum,
    along.sign_sum / nullif(estimates.sign_deviation, 0) as sign_sum
from estimates
inner join along
    on
        estimates.event_id = along.event_id
        and estimates.group_kind = along.group_kind
        and estimates.group_id = along.group_id
left join across
    on
        along.event_id = across.event_id
        and along.group_kind = across.group_kind
        and along.group_id = across.group_id
        and along.window_start = across.window_start
        and along.window_end = across.window_end
