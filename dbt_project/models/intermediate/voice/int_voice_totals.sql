-- A set is complete on a day on which each of its platforms that the source counts at all has a value.
select
    episode_id,
    source,
    voice_date,
    min(day_zone) as day_zone,
    min(window_start) as window_start,
    bool_and(is_baseline) as is_baseline,
    count(*) as platforms_counted,
    count(value_high) as platforms_with_bounds,
    count(value) = count(*) as is_complete,
    case when count(value) = count(*) then {{ in_order('sum', 'value', 'platform_id') }} end as total_value,
    {{ in_order('sum', 'value_low', 'platform_id') }} as total_low,
    {{ in_order('sum', 'value_high', 'platform_id') }} as total_high,
    case
        when count(*) < 2 then 'the source counts only one platform of the set'
        when count(value) < count(*)
            then
                'the set is incomplete: no value of '
                || {{ distinct_text('case when value is null then platform_id end') }}
        when sum(value) = 0 then 'no platform of the set was named'
    end as share_null_reason
from {{ ref('int_voice_days') }}
group by episode_id, source, voice_date
