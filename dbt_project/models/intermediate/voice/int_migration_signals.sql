-- Every signal of the index in one shape, rising with migration: a leg may be made of several.
with signals as (
    select
        demand.episode_id,
        demand.platform_id,
        'destination_demand' as leg,
        demand.series_id as signal,
        demand.series_date as signal_date,
        demand.is_baseline,
        demand.value,
        demand.value_null_reason,
        cast(null as double) as sample,
        demand.bound
    from {{ ref('int_demand_series') }} as demand
    inner join {{ ref('int_episode_sets') }} as sets
        on
            demand.episode_id = sets.episode_id
            and demand.platform_id = sets.platform_id
            and sets.platform_role = 'destination'
    union all
    select
        sets.episode_id,
        sets.platform_id,
        'origin_demand' as leg,
        demand.series_id as signal,
        demand.series_date as signal_date,
        demand.is_baseline,
        -demand.value as value,
        demand.value_null_reason,
        cast(null as double) as sample,
        case demand.bound when 'at_most' then 'at_least' when 'at_least' then 'at_most' else demand.bound end
            as bound
    from {{ ref('int_demand_series') }} as demand
    inner join {{ ref('int_episode_sets') }} as sets
        on
            demand.episode_id = sets.episode_id
            and demand.platform_id = sets.origin_platform_id
            and sets.platform_role = 'destination'
    union all
    select
        episode_id,
        platform_id,
        'share_of_voice' as leg,
        source as signal,
        voice_date as signal_date,
        is_baseline,
        value,
        value_null_reason,
        sample,
        case when value is not null then 'exact' end as bound
    from {{ ref('int_trailing_voice') }}
    where platform_role = 'destination'
    union all
    select
        episode_id,
        platform_id,
        'co_mention' as leg,
        'article_stories' as signal,
        mention_date as signal_date,
        is_baseline,
        value,
        value_null_reason,
        sample,
        case when value is not null then 'exact' end as bound
    from {{ ref('int_co_mentions') }}
),

centred as (
    select
        episode_id,
        platform_id,
        leg,
        signal,
        count(*) as baseline_days,
        {{ median('value') }} as centre,
        {{ median('sample') }} as baseline_sample
    from signals
    where is_baseline and value is not null
    group by episode_id, platform_id, leg, signal
),

scaled as (
    select
        centred.episode_id,
        centred.platform_id,
        centred.leg,
        centred.signal,
        centred.baseline_days,
        centred.centre,
        centred.baseline_sample,
        {{ mad_to_sigma() }} * {{ median('abs(signals.value - centred.centre)') }} as baseline_spread
    from centred
    inner join signals
        on
            centred.episode_id = signals.episode_id
            and centred.platform_id = signals.platform_id
            and centred.leg = signals.leg
            and centred.signal = signals.signal
    where signals.is_baseline and signals.value is not null
    group by
        centred.episode_id, centred.platform_id, centred.leg, centred.signal,
        centred.baseline_days, centred.centre, centred.baseline_sample
),

-- What chance alone makes: two looks at a chart differ, and shares of n and m items by sqrt(1 / n + 1 / m) on
-- their scale. Otherwise an app that was in no chart had no z-score, and three sightings would be a wave.
compared as (
    select
        signals.*,
        scaled.baseline_days,
        scaled.centre,
        greatest(
            scaled.baseline_spread,
            case
                when signals.sample is null then {{ least_scale("'chart'", "'chart_log_rank'", 'null') }}
                else sqrt(1 / greatest(signals.sample, 1.0) + 1 / greatest(scaled.baseline_sample, 1.0))
            end
        ) as spread
    from signals
    left join scaled
        on
            signals.episode_id = scaled.episode_id
            and signals.platform_id = scaled.platform_id
            and signals.leg = scaled.leg
            and signals.signal = scaled.signal
    where not signals.is_baseline
)


select
    episode_id,
    platform_id,
    leg,
    signal,
    signal_date,
    value - centre as excess,
    case
        when baseline_days >= {{ migration_design().baseline_minimum }}
            then (value - centre) / spread
    end as z,
    case
        when value is null then value_null_reason
        when coalesce(baseline_days, 0) < {{ migration_design().baseline_minimum }}
            then
                'only ' || cast(coalesce(baseline_days, 0) as varchar) || ' of the '
                || '{{ migration_design().baseline_minimum }} days before the window that are needed '
                || 'have a value'
    end as z_null_reason,
    bound
from compared
