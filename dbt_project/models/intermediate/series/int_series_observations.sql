with series as (
    select * from {{ ref('int_daily_series') }}
),

breaks as (
    select * from {{ ref('known_breaks') }}
),

names as (
    select
        series_id,
        signal,
        store,
        country,
        platform_id
    from {{ ref('int_series') }}
),

broken as (
    select
        names.series_id,
        breaks.break_date,
        breaks.last_date,
        breaks.reason
    from names
    inner join breaks
        on
            names.signal = breaks.signal
            and (breaks.store is null or names.store = breaks.store)
            and (breaks.country is null or names.country = breaks.country)
            and (breaks.platform_id is null or names.platform_id = breaks.platform_id)
),

changes as (
    select
        series_id,
        break_date,
        min(reason) as reason
    from broken
    where last_date is null
    group by series_id, break_date
),

regimes as (
    select
        series_id,
        break_date,
        reason,
        row_number() over (partition by series_id order by break_date) as regime,
        lead(break_date) over (partition by series_id order by break_date) as next_break_date
    from changes
),

each_outage as (
    select
        series_id,
        reason,
        {{ each_day('break_date', 'last_date') }} as series_date
    from broken
    where last_date is not null
),

outages as (
    select
        series_id,
        series_date,
        min(reason) as reason
    from each_outage
    group by series_id, series_date
)

select
    series.series_id,
    series.platform_id,
    series.signal_family,
    series.signal,
    series.store,
    series.country,
    series.chart,
    series.geography,
    series.day_zone,
    series.series_date,
    series.value,
    series.total,
    series.is_censored,
    series.provenance,
    {{ days_between("date '2000-01-01'", 'series.series_date') }} as day_number,
    coalesce(regimes.regime, 0) as regime,
    regimes.break_date as regime_date,
    regimes.reason as regime_reason,
    outages.reason as outage_reason,
    case when outages.reason is null then series.value end as usable_value
from series
left join regimes
    on
        series.series_id = regimes.series_id
        and series.series_date >= regimes.break_date
        and series.series_date < coalesce(regimes.next_break_date, date '9999-12-31')
left join outages
    on
        series.series_id = outages.series_id
        and series.series_date = outages.series_date
where series.value is not null
