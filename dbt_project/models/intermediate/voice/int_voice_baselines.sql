with days as (
    select
        voice_days.episode_id,
        voice_days.source,
        voice_days.platform_id,
        voice_days.value,
        totals.total_value
    from {{ ref('int_voice_days') }} as voice_days
    inner join {{ ref('int_voice_totals') }} as totals
        on
            voice_days.episode_id = totals.episode_id
            and voice_days.source = totals.source
            and voice_days.voice_date = totals.voice_date
    where voice_days.is_baseline and totals.is_complete
)

-- Counts are whole numbers: their sums do not depend on the order. Days weigh by what was said on them.
select
    episode_id,
    source,
    platform_id,
    count(*) as baseline_days,
    sum(value) as baseline_value,
    sum(total_value) as baseline_total,
    sum(value) / nullif(sum(total_value), 0) as baseline_share,
    {{ median('value') }} as baseline_median_value,
    case
        when count(*) < {{ migration_design().baseline_minimum }}
            then
                'only ' || cast(count(*) as varchar) || ' of the {{ migration_design().baseline_minimum }} '
                || 'days before the window that are needed are complete'
        when sum(total_value) = 0 then 'no platform of the set was named before the window'
    end as baseline_null_reason
from days
group by episode_id, source, platform_id
