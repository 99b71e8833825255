with counts as (
    select * from {{ ref('stg_raw__news_volume') }}
),

signals as (
    select
        signal,
        min(news_date) as first_date,
        max(news_date) as last_date,
        min(day_zone) as day_zone,
        min(item_kind) as item_kind
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
        {{ each_day('signals.first_date', 'signals.last_date') }} as news_date
    from subjects
    inner join signals on subjects.signal = signals.signal
)

select
    spine.signal as source,
    spine.subject_type,
    spine.subject_id,
    case when spine.subject_type = 'platform' then spine.subject_id end as platform_id,
    spine.news_date,
    spine.day_zone,
    spine.item_kind,
    counts.matching_items,
    counts.monitored_items,
    counts.matching_items / cast(nullif(counts.monitored_items, 0) as double) as share,
    case
        when counts.signal is null then 'nobody counted on this day'
        when counts.matching_items is null or counts.monitored_items is null
            then 'the source does not give both counts'
        when counts.monitored_items = 0 then 'nothing was monitored'
    end as share_null_reason,
    counts.distinct_outlets,
    counts.source_url,
    counts.provenance,
    counts.observed_at
from spine
left join counts
    on
        spine.signal = counts.signal
        and spine.subject_type = counts.subject_type
        and spine.subject_id = counts.subject_id
        and spine.news_date = counts.news_date
order by spine.signal, spine.subject_type, spine.subject_id, spine.news_date
