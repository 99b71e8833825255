-- A fall that follows from two published levels, and one that the provider told itself.
with falls as (
    select
        platform_id,
        geography,
        provider,
        peak_date as first_date,
        last_date,
        round(100 * (1 - persistence), 1) as fall_pct,
        ' % from ' || cast(peak_date as varchar) || ' to ' || cast(last_date as varchar)
        || coalesce(' (' || channel || ')', '') as told_of
    from {{ ref('int_published_decays') }}
    where standard_metric = 'dau' and persistence < 1
    union all
    select
        platform_id,
        geography,
        provider,
        {{ days_after('observed_date', -7) }} as first_date,
        observed_date as last_date,
        -value as fall_pct,
        ' % over the week before, told of ' || cast(observed_date as varchar) as told_of
    from {{ ref('int_published_figures') }}
    where
        subject_type = 'platform'
        and standard_metric = 'dau_wow_pct'
        and date_precision = 'day'
        and value_bound = '='
        and value < 0
),

followed as (
    select
        *,
        max(last_date) over (
            partition by platform_id, geography
            order by first_date, last_date, provider
            rows between unbounded preceding and 1 preceding
        ) as date_before
    from falls
)

select
    platform_id,
    geography,
    provider,
    first_date,
    last_date,
    fall_pct,
    provider || ' ' || {{ readable_number('fall_pct') }} || told_of as figure,
    sum(case when first_date <= date_before then 0 else 1 end) over (
        partition by platform_id, geography
        order by first_date, last_date, provider
        rows between unbounded preceding and current row
    ) as island
from followed
