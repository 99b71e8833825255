with sets as (
    select * from {{ ref('int_episode_sets') }}
),

cutoffs as (
    select
        source,
        platform_id,
        attention_date,
        cutoff_value
    from {{ ref('fct_attention_daily') }}
    where value_status = 'below_cutoff'
),

signals as (
    select
        series.signal as source,
        series.platform_id,
        series.series_date as voice_date,
        series.day_zone,
        series.value,
        -- Less than the source showed is still between none and its last.
        case when cutoffs.cutoff_value is not null then 0.0 else series.value end as value_low,
        coalesce(cutoffs.cutoff_value, series.value) as value_high,
        series.value_null_reason,
        cast(null as bigint) as articles,
        cast(null as bigint) as articles_with_tone,
        cast(null as double) as tone_sum
    from {{ ref('int_series_near_episodes') }} as series
    left join cutoffs
        on
            series.signal = cutoffs.source
            and series.platform_id = cutoffs.platform_id
            and series.series_date = cutoffs.attention_date
    where series.signal_family in ('attention', 'news')
    union all
    select
        'article_stories' as source,
        platform_id,
        published_date as voice_date,
        'outlet' as day_zone,
        cast(stories as double) as value,
        cast(stories as double) as value_low,
        cast(stories as double) as value_high,
        cast(null as varchar) as value_null_reason,
        articles,
        articles_with_tone,
        tone_sum
    from {{ ref('int_article_days') }}
)

select
    sets.episode_id,
    sets.platform_role,
    sets.window_start,
    signals.source,
    signals.platform_id,
    signals.voice_date,
    signals.day_zone,
    signals.voice_date < sets.window_start as is_baseline,
    signals.value,
    signals.value_low,
    signals.value_high,
    signals.value_null_reason,
    signals.articles,
    signals.articles_with_tone,
    signals.tone_sum
from sets
inner join signals
    on
        sets.platform_id = signals.platform_id
        and signals.voice_date between sets.baseline_start and sets.window_end
