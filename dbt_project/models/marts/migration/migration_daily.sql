{%- set perturbation = migration_design().weight_perturbation -%}
with legs as (
    select * from {{ ref('int_migration_legs') }}
),

wide as (
    select
        episode_id,
        platform_id,
        index_date,
        count(z) as n_legs,
        {{ distinct_text('case when z is not null then leg end') }} as legs_used,
        {{ distinct_text("leg || ' (' || missing_reason || ')'", '; ') }} as legs_missing,
        max(case when leg = 'destination_demand' then z end) as destination_demand_z,
        max(case when leg = 'destination_demand' then excess end) as destination_demand_excess,
        max(case when leg = 'destination_demand' then bound end) as destination_demand_bound,
        max(case when leg = 'destination_demand' then signals end) as destination_demand_signals,
        max(case when leg = 'origin_demand' then z end) as origin_demand_z,
        max(case when leg = 'origin_demand' then excess end) as origin_demand_excess,
        max(case when leg = 'origin_demand' then bound end) as origin_demand_bound,
        max(case when leg = 'origin_demand' then signals end) as origin_demand_signals,
        max(case when leg = 'share_of_voice' then z end) as share_of_voice_z,
        max(case when leg = 'share_of_voice' then excess end) as share_of_voice_excess,
        max(case when leg = 'share_of_voice' then bound end) as share_of_voice_bound,
        max(case when leg = 'share_of_voice' then signals end) as share_of_voice_signals,
        max(case when leg = 'co_mention' then z end) as co_mention_z,
        max(case when leg = 'co_mention' then excess end) as co_mention_excess,
        max(case when leg = 'co_mention' then bound end) as co_mention_bound,
        max(case when leg = 'co_mention' then signals end) as co_mention_signals
    from legs
    group by episode_id, platform_id, index_date
),

-- A weighted mean is greatest and least at the corners: each weight at its lowest or its highest.
numbers as (
    select {{ each_number(0, 15) }} as number
),

corners as (
    select
        1 + {{ perturbation }} * (2 * mod(cast(floor(number / 1) as integer), 2) - 1)
            as destination_demand_weight,
        1 + {{ perturbation }} * (2 * mod(cast(floor(number / 2) as integer), 2) - 1)
            as origin_demand_weight,
        1 + {{ perturbation }} * (2 * mod(cast(floor(number / 4) as integer), 2) - 1)
            as share_of_voice_weight,
        1 + {{ perturbation }} * (2 * mod(cast(floor(number / 8) as integer), 2) - 1)
            as co_mention_weight
    from numbers
),

weighted as (
    select
        wide.episode_id,
        wide.platform_id,
        wide.index_date,
        case when wide.destination_demand_z is not null then corners.destination_demand_weight else 0 end
            as destination_demand_weight,
        coalesce(wide.destination_demand_z, 0) as destination_demand_z,
        case when wide.origin_demand_z is not null then corners.origin_demand_weight else 0 end
            as origin_demand_weight,
        coalesce(wide.origin_demand_z, 0) as origin_demand_z,
        case when wide.share_of_voice_z is not null then corners.share_of_voice_weight else 0 end
            as share_of_voice_weight,
        coalesce(wide.share_of_voice_z, 0) as share_of_voice_z,
        case when wide.co_mention_z is not null then corners.co_mention_weight else 0 end
            as co_mention_weight,
        coalesce(wide.co_mention_z, 0) as co_mention_z
    from wide
    cross join corners
    where wide.n_legs > 0
),

perturbed as (
    select
        episode_id,
        platform_id,
        index_date,
        (
            destination_demand_weight * destination_demand_z
            + origin_demand_weight * origin_demand_z
            + share_of_voice_weight * share_of_voice_z
            + co_mention_weight * co_mention_z
        ) / (
            destination_demand_weight
            + origin_demand_weight
            + share_of_voice_weight
            + co_mention_weight
        ) as migration_index
    from weighted
),

ranges as (
    select
        episode_id,
        platform_id,
        index_date,
        min(migration_index) as index_low,
        max(migration_index) as index_high
    from perturbed
    group by episode_id, platform_id, index_date
)

select
    wide.episode_id,
    sets.origin_platform_id,
    wide.platform_id,
    wide.index_date,
    sets.geography,
    (
        coalesce(wide.destination_demand_z, 0)
        + coalesce(wide.origin_demand_z, 0)
        + coalesce(wide.share_of_voice_z, 0)
        + coalesce(wide.co_mention_z, 0)
    ) / nullif(wide.n_legs, 0) as migration_index,
    ranges.index_low,
    ranges.index_high,
    case
        when wide.n_legs = 0 then 'no leg of the index can be measured: ' || wide.legs_missing
    end as index_null_reason,
    wide.n_legs,
    wide.legs_used,
    wide.legs_missing,
    wide.destination_demand_z,
    wide.destination_demand_excess,
    wide.destination_demand_bound,
    wide.destination_demand_signals,
    wide.origin_demand_z,
    wide.origin_demand_excess,
    wide.origin_demand_bound,
    wide.origin_demand_signals,
    wide.share_of_voice_z,
    wide.share_of_voice_excess,
    wide.share_of_voice_bound,
    wide.share_of_voice_signals,
    wide.co_mention_z,
    wide.co_mention_excess,
    wide.co_mention_bound,
    wide.co_mention_signals
from wide
inner join {{ ref('int_episode_sets') }} as sets
    on
        wide.episode_id = sets.episode_id
        and wide.platform_id = sets.platform_id
left join ranges
    on
        wide.episode_id = ranges.episode_id
        and wide.platform_id = ranges.platform_id
        and wide.index_date = ranges.index_date
order by wide.episode_id, wide.platform_id, wide.index_date
