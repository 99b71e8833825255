{%- set tolerance = chart_tolerance() %}

with whole_charts as (
    select
        *,
        {{ hours_between("timestamp '2000-01-01 00:00:00'", 'captured_at') }} as hours_since_2000
    from {{ ref('stg_raw__chart_captures') }}
    where
        scope = 'chart'
        and capture_status = 'succeeded'
        and captured_at is not null
        and depth is not null
),

captures as (
    select
        *,
        cast(floor(hours_since_2000 / {{ tolerance.hours }}) as bigint) as time_slot
    from whole_charts
),

neighbours as (
    select {{ each_number(-1, 1) }} as slots_later
),

-- Slots of time are as long as two looks may be apart: a partner is in the same one or in one beside it.
reached as (
    select
        captures.*,
        captures.time_slot + neighbours.slots_later as reached_slot
    from captures
    cross join neighbours
),

near as (
    select
        reached.capture_id,
        others.capture_id as other_capture_id,
        reached.source,
        others.source as other_source,
        reached.store,
        reached.country,
        reached.chart,
        reached.captured_at,
        others.captured_at as other_captured_at,
        abs({{ hours_between('reached.captured_at', 'others.captured_at') }}) as hours_apart,
        least(reached.depth, others.depth) as compared_depth
    from reached
    inner join captures as others
        on
            reached.store = others.store
            and reached.country = others.country
            and reached.chart = others.chart
            and reached.reached_slot = others.time_slot
    where reached.source < others.source
),

ordered as (
    select
        *,
        row_number() over (
            partition by capture_id, other_source
            order by hours_apart, other_capture_id
        ) as place,
        row_number() over (
            partition by other_capture_id, source
            order by hours_apart, capture_id
        ) as other_place
    from near
    where hours_apart <= {{ tolerance.hours }}
),

-- A look has one partner in another source: the nearest, if it is also nearest to that one.
pairs as (
    select * from ordered
    where place = 1 and other_place = 1
),

-- Both looks of a pair in one column: entries joined to entries may be planned by app, all looks against all.
looks as (
    select
        capture_id,
        other_capture_id,
        compared_depth,
        capture_id as look_id,
        true as is_first
    from pairs
    union all
    select
        capture_id,
        other_capture_id,
        compared_depth,
        other_capture_id as look_id,
        false as is_first
    from pairs
),

entries as (
    select
        capture_id,
        store_app_id,
        min(rank) as rank
    from {{ ref('stg_raw__chart_entries') }}
    where
        store_app_id is not null
        and capture_id in (select looks.look_id from looks)
    group by capture_id, store_app_id
),

apps as (
    select
        looks.capture_id,
        looks.other_capture_id,
        entries.store_app_id,
        min(case when looks.is_first then entries.rank end) as rank,
        min(case when not looks.is_first then entries.rank end) as other_rank
    from looks
    inner join entries
        on
            looks.look_id = entries.capture_id
            and looks.compared_depth >= entries.rank
    group by looks.capture_id, looks.other_capture_id, entries.store_app_id
),

shared as (
    select
        capture_id,
        other_capture_id,
        abs(rank - other_rank) as rank_difference,
        row_number() over (
            partition by capture_id, other_capture_id
            order by rank, store_app_id
        ) as place,
        row_number() over (
            partition by capture_id, other_capture_id
            order by other_rank, store_app_id
        ) as other_place
    from apps
    where rank is not null and other_rank is not null
),

compared as (
    select
        capture_id,
        other_capture_id,
        cast(count(*) as double) as shared_apps,
        count(case when rank_difference = 0 then 1 end) as same_rank_apps,
        count(case when rank_difference <= {{ tolerance.ranks }} then 1 end) as near_rank_apps,
        max(rank_difference) as max_rank_difference,
        cast(sum((place - other_place) * (place - other_place)) as double) as squared_differences
    from shared
    group by capture_id, other_capture_id
),

measured as (
    select
        pairs.capture_id,
        pairs.other_capture_id,
        pairs.source,
        pairs.other_source,
        pairs.store,
        pairs.country,
        pairs.chart,
        pairs.captured_at,
        pairs.other_captured_at,
        pairs.hours_apart,
        pairs.compared_depth,
        compared.max_rank_difference,
        coalesce(compared.shared_apps, 0) as shared_apps,
        coalesce(compared.shared_apps, 0) / pairs.compared_depth as overlap_share,
        compared.same_rank_apps / compared.shared_apps as same_rank_share,
        compared.near_rank_apps / compared.shared_apps as near_rank_share,
        -- No two apps share a rank, so the short form is exact, and it does not depend on the order of sums.
        case
            when compared.shared_apps > 1
                then
                    1 - 6 * compared.squared_differences
                    / (compared.shared_apps * (compared.shared_apps * compared.shared_apps - 1))
        end as spearman
    from pairs
    left join compared
        on
            pairs.capture_id = compared.capture_id
            and pairs.other_capture_id = compared.other_capture_id
),

judged as (
    select
        *,
        case
            when compared_depth < {{ tolerance.depth }}
                then
                    'the tolerance is known for lists of {{ tolerance.depth }} apps and more; '
                    || compared_depth || ' were compared'
            when overlap_share < {{ tolerance.overlap_share }}
                then
                    'only ' || cast(shared_apps as bigint) || ' of ' || compared_depth || ' apps are in both'
            when coalesce(spearman, -1) < {{ tolerance.spearman }}
                then 'the order differs: rank correlation below {{ tolerance.spearman }}'
            when near_rank_share < {{ tolerance.near_share }}
                then 'fewer than half of the apps are within {{ tolerance.ranks }} ranks'
            else 'overlap, order and ranks are within what was measured between independent readers'
        end as verdict_reason
    from measured
)

select
    capture_id,
    other_capture_id,
    source,
    other_source,
    store,
    country,
    chart,
    captured_at,
    other_captured_at,
    hours_apart,
    cast(compared_depth as bigint) as compared_depth,
    cast(shared_apps as bigint) as shared_apps,
    overlap_share,
    same_rank_share,
    near_rank_share,
    cast(max_rank_difference as bigint) as max_rank_difference,
    spearman,
    case
        when compared_depth < {{ tolerance.depth }} then 'not_judged'
        when
            overlap_share >= {{ tolerance.overlap_share }}
            and spearman >= {{ tolerance.spearman }}
            and near_rank_share >= {{ tolerance.near_share }}
            then 'agrees'
        else 'differs'
    end as verdict,
    verdict_reason
from judged
order by store, country, chart, captured_at, capture_id, other_capture_id
