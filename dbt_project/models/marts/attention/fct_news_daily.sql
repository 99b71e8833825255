{{ config(
    materialized='incremental',
    meta={'day': 'news_date', 'whole': 'news_series', 'spread': 'news_ranges'}
) }}
with counts as (
    select * from {{ ref('stg_raw__news_volume') }}
),

signals as (
    select
        signal,
        min(news_date) as first_date,
        max(news_date) as last_date,
        min(day_zone) as day_zone,
        min(item_kind) as item_kind,
        -- Batches are quarters of an hour; a signal without them counts whole days.
        case when max(case when batch != 'day' then 1 end) = 1 then 96 else 1 end as batches_of_day
    from counts
    group by signal
),

subjects as (
    select distinct
        signal,
        subject_type,
        subject_id
    from counts
),

spine as (
    select
        subjects.signal,
        subjects.subject_type,
        subjects.subject_id,
        signals.day_zone,
        signals.item_kind,
        signals.batches_of_day,
        {{ each_touched_day('signals.first_date', 'signals.last_date') }} as news_date
    from subjects
    inner join signals on subjects.signal = signals.signal
),

days as (
    select
        signal,
        subject_type,
        subject_id,
        news_date,
        cast(sum(matching_items) as bigint) as matching_items,
        cast(sum(monitored_items) as bigint) as monitored_items,
        -- Only parts with both counts make a share: a part with one of them would weigh on one side.
        sum(case when monitored_items is not null then matching_items end) as matching_of_known,
        sum(case when matching_items is not null then monitored_items end) as monitored_of_known,
        count(*) as batches,
        count(matching_items) as batches_counted,
        max(case when batch = 'day' then 1 end) as is_counted_whole,
        count(case when matching_items is null or monitored_items is null then 1 end) as batches_missing,
        -- An outlet may stand in several parts, so that the outlets of parts do not add up.
        case when count(*) = 1 then min(distinct_outlets) end as distinct_outlets,
        case when count(*) = 1 then min(source_url) end as source_url,
        {{ distinct_text('provenance') }} as provenance,
        max(observed_at) as observed_at
    from counts
    where {{ is_touched('news_date') }}
    group by signal, subject_type, subject_id, news_date
)

select
    spine.signal as source,
    spine.subject_type,
    spine.subject_id,
    case when spine.subject_type = 'platform' then spine.subject_id end as platform_id,
    spine.news_date,
    spine.day_zone,
    spine.item_kind,
    days.matching_items,
    days.monitored_items,
    days.matching_of_known / cast(nullif(days.monitored_of_known, 0) as double) as share,
    case
        when days.signal is null then 'nobody counted on this day'
        when days.batches = days.batches_missing then 'the source does not give both counts'
        when days.monitored_of_known = 0 then 'nothing was monitored'
    end as share_null_reason,
    days.batches,
    case when days.is_counted_whole = 1 then 1 else spine.batches_of_day end as batches_expected,
    days.batches_missing,
    coalesce(days.batches_counted, 0)
    < case when days.is_counted_whole = 1 then 1 else spine.batches_of_day end as is_partial_day,
    days.distinct_outlets,
    days.source_url,
    days.provenance,
    days.observed_at
from spine
left join days
    on
        spine.signal = days.signal
        and spine.subject_type = days.subject_type
        and spine.subject_id = days.subject_id
        and spine.news_date = days.news_date
where {{ is_touched('spine.news_date') }}
order by spine.news_date, spine.signal, spine.subject_type, spine.subject_id
