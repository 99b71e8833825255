with days as (
    select {{ each_day("cast('2006-01-01' as date)", "cast('2035-12-31' as date)") }} as date_day
)

select
    date_day,
    cast(date_trunc('week', date_day) as date) as week_start_date,
    cast(date_trunc('month', date_day) as date) as month_start_date,
    cast(date_trunc('quarter', date_day) as date) as quarter_start_date,
    cast(date_trunc('year', date_day) as date) as year_start_date,
    {{ days_between("cast(date_trunc('week', date_day) as date)", 'date_day') }} >= 5 as is_weekend
from days
order by date_day
