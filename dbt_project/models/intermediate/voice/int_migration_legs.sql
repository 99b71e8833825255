with sets as (
    select * from {{ ref('int_episode_sets') }}
    where platform_role = 'destination'
),

days as (
    select
        episode_id,
        platform_id,
        {{ each_day('window_start', 'window_end') }} as index_date
    from sets
),

legs as (
    select 'destination_demand' as leg
    union all
    select 'origin_demand' as leg
    union all
    select 'share_of_voice' as leg
    union all
    select 'co_mention' as leg
),

-- Signals of one leg weigh the same; those without a z-score on the day are left out, and told.
measured as (
    select
        episode_id,
        platform_id,
        leg,
        signal_date,
        {{ in_order('avg', 'z', 'signal') }} as z,
        {{ in_order('avg', 'excess', 'signal') }} as excess,
        {{ distinct_text('case when z is not null then signal end') }} as signals,
        {{ distinct_text('case when z is not null then bound end') }} as bound,
        {{ distinct_text("signal || ': ' || z_null_reason", '; ') }} as reasons
    from {{ ref('int_migration_signals') }}
    group by episode_id, platform_id, leg, signal_date
)

select
    days.episode_id,
    days.platform_id,
    days.index_date,
    legs.leg,
    measured.z,
    measured.excess,
    measured.signals,
    measured.bound,
    case when measured.z is null then coalesce(measured.reasons, 'no source has this day') end
        as missing_reason
from days
cross join legs
left join measured
    on
        days.episode_id = measured.episode_id
        and days.platform_id = measured.platform_id
        and days.index_date = measured.signal_date
        and legs.leg = measured.leg
