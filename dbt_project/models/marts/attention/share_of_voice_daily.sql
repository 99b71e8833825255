with days as (
    select * from {{ ref('int_voice_days') }}
),

totals as (
    select * from {{ ref('int_voice_totals') }}
),

baselines as (
    select * from {{ ref('int_voice_baselines') }}
),

shared as (
    select
        days.*,
        totals.total_value,
        totals.share_null_reason,
        case when totals.share_null_reason is null then days.value / totals.total_value end as share,
        totals.platforms_counted >= 2
        and totals.platforms_with_bounds = totals.platforms_counted
        and totals.total_low - days.value_low + days.value_high > 0 as is_bounded,
        totals.total_low - days.value_low as others_low,
        totals.total_high - days.value_high as others_high,
        case when baselines.baseline_null_reason is null then baselines.baseline_share end as baseline_share,
        case
            when baselines.baseline_days >= {{ migration_design().baseline_minimum }}
                then baselines.baseline_median_value
        end as baseline_median_value,
        case
            when baselines.source is null then 'no day before the window is complete'
            else baselines.baseline_null_reason
        end as baseline_null_reason
    from days
    inner join totals
        on
            days.episode_id = totals.episode_id
            and days.source = totals.source
            and days.voice_date = totals.voice_date
    left join baselines
        on
            days.episode_id = baselines.episode_id
            and days.source = baselines.source
            and days.platform_id = baselines.platform_id
)

select
    episode_id,
    source,
    platform_id,
    platform_role,
    voice_date,
    day_zone,
    is_baseline,
    value,
    total_value,
    share,
    share_null_reason,
    -- The smallest share has the least of it and the most of the others, and the reverse.
    case
        when not is_bounded then null
        when value_low + others_high > 0 then value_low / (value_low + others_high)
        else 0.0
    end as share_low,
    case when is_bounded then coalesce(value_high / nullif(value_high + others_low, 0), 0.0) end
        as share_high,
    baseline_share,
    share - baseline_share as share_shift,
    case
        when share is null then share_null_reason
        when baseline_share is null then baseline_null_reason
    end as share_shift_null_reason,
    value - baseline_median_value as excess_value,
    case
        when value is null then value_null_reason
        when baseline_median_value is null then baseline_null_reason
    end as excess_null_reason,
    articles,
    tone_sum / nullif(articles_with_tone, 0) as mean_tone,
    case
        when articles is null then 'the source counts, and keeps no articles'
        when articles = 0 then 'no article names the platform on this day'
        when articles_with_tone = 0 then 'no article of the day has a tone'
    end as tone_null_reason
from shared
order by episode_id, source, voice_date, platform_id
