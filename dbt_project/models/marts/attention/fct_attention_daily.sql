{{ config(
    materialized='incremental',
    meta={'day': 'attention_date', 'whole': 'attention_series', 'spread': 'attention_ranges'}
) }}
-- depends_on: {{ ref('stg_raw__watch_wikipedia_titles') }}
with readings as (
    select * from {{ ref('stg_raw__attention') }}
    where subject_type = 'platform'
),

counted as (
    {{ counted_attention() }}
),

signals as (
    select
        signal,
        min(attention_date) as first_date,
        max(attention_date) as last_date,
        min(day_zone) as day_zone,
        min(unit) as unit
    from readings
    group by signal
),

platforms as (
    select distinct
        signal,
        subject_id as platform_id
    from counted
),

spine as (
    select
        platforms.platform_id,
        platforms.signal,
        signals.day_zone,
        signals.unit,
        {{ each_touched_day('signals.first_date', 'signals.last_date') }} as attention_date
    from platforms
    inner join signals on platforms.signal = signals.signal
),

days as (
    select
        signal,
        subject_id as platform_id,
        attention_date,
        case
            when bool_or(value_status = 'not_fetched') then 'not_fetched'
            when bool_or(value_status = 'below_cutoff') then 'below_cutoff'
            else 'observed'
        end as value_status,
        {{ distinct_text('item') }} as items,
        sum(value) as value,
        sum(coalesce(value, cutoff_value)) as upper_bound,
        -- Items of one list share its total; a list without a total leaves the sum unknown.
        case when count(monitored_total) = count(*) then sum(distinct monitored_total) end as monitored_total,
        min(captures) as captures,
        max(captures_expected) as captures_expected,
        sum(distinct_items) as distinct_items,
        min(best_rank) as best_rank,
        max(max_heat) as max_heat,
        {{ distinct_text('provenance') }} as provenance,
        max(observed_at) as observed_at
    from counted
    where {{ is_touched('attention_date') }}
    group by signal, subject_id, attention_date
),

joined as (
    select
        spine.platform_id,
        spine.signal as source,
        spine.attention_date,
        spine.day_zone,
        spine.unit,
        days.items,
        days.monitored_total,
        days.captures,
        days.captures_expected,
        days.distinct_items,
        days.best_rank,
        days.max_heat,
        days.provenance,
        days.observed_at,
        coalesce(days.value_status, 'not_fetched') as value_status,
        case when days.value_status = 'observed' then days.value end as value,
        case when days.value_status = 'below_cutoff' then days.upper_bound end as cutoff_value
    from spine
    left join days
        on
            spine.platform_id = days.platform_id
            and spine.signal = days.signal
            and spine.attention_date = days.attention_date
    where {{ is_touched('spine.attention_date') }}
)

select
    platform_id,
    source,
    attention_date,
    day_zone,
    items,
    value,
    unit,
    value_status,
    cutoff_value,
    monitored_total,
    value / nullif(monitored_total, 0) as share,
    case
        when value_status = 'not_fetched' then 'nobody looked on this day'
        when value_status = 'below_cutoff' then 'below what the source showed'
        when monitored_total is null then 'the source does not tell how much there was in all'
        when monitored_total = 0 then 'nothing was monitored'
    end as share_null_reason,
    captures,
    captures_expected,
    captures < captures_expected as is_partial_day,
    cast(distinct_items as bigint) as distinct_items,
    best_rank,
    max_heat,
    provenance,
    observed_at
from joined
order by attention_date, source, platform_id
