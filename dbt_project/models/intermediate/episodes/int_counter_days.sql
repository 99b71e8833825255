with readings as (
    select
        series.*,
        counters.difference,
        lag(series.value) over (
            partition by series.series_id
            order by series.series_date
        ) as value_before,
        lag(series.series_date) over (
            partition by series.series_id
            order by series.series_date
        ) as date_before
    from {{ ref('int_series_near_episodes') }} as series
    inner join {{ ref('counters') }} as counters on series.signal = counters.counter
),

differences as (
    select
        *,
        case
            when {{ days_between('date_before', 'series_date') }} = 1 and value >= value_before
                then value - value_before
        end as added
    from readings
)

select
    difference || '/' || platform_id as series_id,
    platform_id,
    signal_family,
    difference as signal,
    store,
    country,
    chart,
    geography,
    day_zone,
    series_date,
    added as value,
    is_censored,
    case
        when added is not null then null
        when value is null then value_null_reason
        when value < value_before then 'the counter went down'
        else 'the counter was not read on the day before'
    end as value_null_reason,
    provenance
from differences
