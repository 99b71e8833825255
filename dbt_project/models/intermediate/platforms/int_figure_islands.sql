with figures as (
    select
        statement_id,
        platform_id,
        metric,
        metric_family,
        definition,
        geography,
        period,
        observed_date,
        date_precision,
        value,
        unit,
        provider,
        lag(observed_date) over (
            partition by platform_id, metric_family, geography, period
            order by observed_date, statement_id
        ) as date_before
    from {{ ref('int_published_figures') }}
    where
        subject_type = 'platform'
        and platform_id is not null
        and value_bound = '='
        and value > 0
)

select
    statement_id,
    platform_id,
    metric,
    metric_family,
    definition,
    geography,
    period,
    observed_date,
    date_precision,
    value,
    unit,
    provider,
    sum(case when {{ days_between('date_before', 'observed_date') }} <= 1 then 0 else 1 end) over (
        partition by platform_id, metric_family, geography, period
        order by observed_date, statement_id
        rows between unbounded preceding and current row
    ) as island
from figures
