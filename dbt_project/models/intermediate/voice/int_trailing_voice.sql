with days as (
    select
        voice_days.episode_id,
        voice_days.source,
        voice_days.platform_id,
        voice_days.platform_role,
        voice_days.voice_date,
        voice_days.is_baseline,
        case when totals.is_complete then voice_days.value end as value,
        totals.total_value
    from {{ ref('int_voice_days') }} as voice_days
    inner join {{ ref('int_voice_totals') }} as totals
        on
            voice_days.episode_id = totals.episode_id
            and voice_days.source = totals.source
            and voice_days.voice_date = totals.voice_date
    where totals.platforms_counted >= 2
),

-- A range of days, not of rows: a day that the source lacks must not pull in an older one.
windowed as (
    select
        days.episode_id,
        days.source,
        days.platform_id,
        days.platform_role,
        days.voice_date,
        days.is_baseline,
        count(earlier.total_value) as complete_days,
        {{ in_order('sum', 'earlier.value', 'earlier.voice_date') }} as trailing_value,
        {{ in_order('sum', 'earlier.total_value', 'earlier.voice_date') }} as trailing_total
    from days
    inner join days as earlier
        on
            days.episode_id = earlier.episode_id
            and days.source = earlier.source
            and days.platform_id = earlier.platform_id
            and earlier.voice_date
            between {{ days_after('days.voice_date', 1 - migration_design().trailing_days) }}
            and days.voice_date
    group by
        days.episode_id, days.source, days.platform_id, days.platform_role, days.voice_date, days.is_baseline
)

select
    episode_id,
    source,
    platform_id,
    platform_role,
    voice_date,
    is_baseline,
    trailing_total as sample,
    case
        when complete_days >= {{ migration_design().trailing_minimum }} and trailing_total > 0
            then {{ stabilised_share('trailing_value / trailing_total') }}
    end as value,
    case
        when complete_days < {{ migration_design().trailing_minimum }}
            then 'the set was complete on too few of the last {{ migration_design().trailing_days }} days'
        when trailing_total = 0
            then 'no platform of the set was named in the last {{ migration_design().trailing_days }} days'
    end as value_null_reason
from windowed
