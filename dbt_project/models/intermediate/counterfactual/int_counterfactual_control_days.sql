select
    series_id as control_series_id,
    series_date,
    value,
    is_censored
from {{ ref('int_series_near_episodes') }}
union all
-- What a source showed of everything else: a day on which it showed little shows little of all.
select
    series_id || '/rest' as control_series_id,
    series_date,
    total - value as value,
    is_censored
from {{ ref('int_series_near_episodes') }}
where signal_family in ('attention', 'news')
