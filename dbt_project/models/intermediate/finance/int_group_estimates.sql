with groups as (
    select * from {{ ref('int_event_groups') }}
),

models as (
    select * from {{ ref('int_market_models') }}
),

sessions as (
    select * from {{ ref('int_group_sessions') }}
),

-- Sessions that the ranks of each firm are taken over: its estimation window and the event's.
ranked as (
    select
        event_id,
        company_id,
        count(*) as n_sessions
    from {{ ref('int_abnormal_returns') }}
    group by event_id, company_id
),

firms as (
    select
        groups.event_id,
        groups.event_date,
        groups.group_kind,
        groups.group_id,
        count(*) as n_group,
        count(distinct models.benchmark_symbol) as n_benchmarks,
        avg(models.estimation_sessions) as mean_estimation_sessions,
        avg(ranked.n_sessions) as mean_ranked_sessions
    from groups
    inner join models
        on
            groups.event_id = models.event_id
            and groups.company_id = models.company_id
    inner join ranked
        on
            groups.event_id = ranked.event_id
            and groups.company_id = ranked.company_id
    group by groups.event_id, groups.event_date, groups.group_kind, groups.group_id
),

estimation as (
    select
        event_id,
        group_kind,
        group_id,
        {{ in_order('stddev_samp', 'mean_abnormal_return', 'tau') }} as sd_mean_abnormal_return,
        sum(positive_firms) * 1.0 / sum(n_firms) as share_positive,
        {{ in_order('avg', 'market_return', 'tau') }} as mean_market_return,
        {{ in_order('regr_sxx', 'market_return, market_return', 'tau') }} as market_sum_of_squares,
        {{ exact_sum('sum_of_products') }}
        / nullif(sum(n_firms * (n_firms - 1)), 0) as mean_correlation
    from sessions
    where is_estimation
    group by event_id, group_kind, group_id
),

spreads as (
    select
        event_id,
        group_kind,
        group_id,
        {{ exact_sum('power(rank_sum, 2)') }} as rank_squares,
        {{ exact_sum('power(modified_rank_sum, 2)') }} as modified_rank_squares,
        {{ exact_sum('power(sign_sum, 2)') }} as sign_squares
    from sessions
    group by event_id, group_kind, group_id
)

select
    firms.event_id,
    firms.event_date,
    firms.group_kind,
    firms.group_id,
    firms.n_group,
    firms.n_benchmarks,
    firms.mean_estimation_sessions,
    estimation.sd_mean_abnormal_return,
    estimation.share_positive,
    estimation.mean_market_return,
    estimation.market_sum_of_squares,
    estimation.mean_correlation,
    sqrt(spreads.rank_squares / firms.mean_ranked_sessions) as rank_deviation,
    sqrt(spreads.modified_rank_squares / firms.mean_ranked_sessions) as modified_rank_deviation,
    sqrt(spreads.sign_squares / firms.mean_ranked_sessions) as sign_deviation
from firms
inner join estimation
    on
        firms.event_id = estimation.event_id
        and firms.group_kind = estimation.group_kind
        and firms.group_id = estimation.group_id
inner join spreads
    on
        firms.event_id = spreads.event_id
        and firms.group_kind = spreads.group_kind
        and firms.group_id = spreads.group_id
