with totals as (
    select * from {{ ref('int_voice_totals') }}
),

sets as (
    select
        episode_id,
        count(*) as platforms_in_set
    from {{ ref('int_episode_sets') }}
    group by episode_id
),

baselines as (
    select * from {{ ref('int_voice_baselines') }}
),

-- A day of the window, and the window as a whole: the sum of its complete days.
periods as (
    select
        episode_id,
        source,
        'day' as period,
        voice_date as period_start,
        voice_date as period_end,
        day_zone,
        1 as days,
        case when is_complete then 1 else 0 end as complete_days,
        platforms_counted,
        total_value,
        share_null_reason
    from totals
    where not is_baseline
    union all
    select
        episode_id,
        source,
        'window' as period,
        min(voice_date) as period_start,
        max(voice_date) as period_end,
        min(day_zone) as day_zone,
        count(*) as days,
        count(case when is_complete then 1 end) as complete_days,
        max(platforms_counted) as platforms_counted,
        {{ in_order('sum', 'total_value', 'voice_date') }} as total_value,
        case
            when max(platforms_counted) < 2 then 'the source counts only one platform of the set'
            when count(case when is_complete then 1 end) = 0
                then 'the set is complete on no day of the window'
            when {{ in_order('sum', 'total_value', 'voice_date') }} = 0
                then 'no platform of the set was named'
        end as share_null_reason
    from totals
    where not is_baseline
    group by episode_id, source
),

members as (
    select
        periods.episode_id,
        periods.source,
        periods.period,
        periods.period_start,
        days.platform_id,
        sum(days.value) as value,
        sum(days.articles) as articles,
        sum(days.articles_with_tone) as articles_with_tone,
        {{ in_order('sum', 'days.tone_sum', 'days.voice_date') }} as tone_sum
    from periods
    inner join {{ ref('int_voice_days') }} as days
        on
            periods.episode_id = days.episode_id
            and periods.source = days.source
            and days.voice_date between periods.period_start and periods.period_end
    inner join totals
        on
            days.episode_id = totals.episode_id
            and days.source = totals.source
            and days.voice_date = totals.voice_date
            and totals.is_complete
    group by periods.episode_id, periods.source, periods.period, periods.period_start, days.platform_id
),

shares as (
    select
        members.*,
        members.value / nullif(periods.total_value, 0) as share,
        baselines.baseline_share,
        baselines.baseline_total / baselines.baseline_days as baseline_total_per_day,
        baselines.baseline_days,
        baselines.baseline_null_reason
    from members
    inner join periods
        on
            members.episode_id = periods.episode_id
            and members.source = periods.source
            and members.period = periods.period
            and members.period_start = periods.period_start
    left join baselines
        on
            members.episode_id = baselines.episode_id
            and members.source = baselines.source
            and members.platform_id = baselines.platform_id
),

measured as (
    select
        episode_id,
        source,
        period,
        period_start,
        {{ in_order('sum', 'share * share', 'platform_id') }} as hhi,
        {{ in_order('sum', entropy_bits('share'), 'platform_id') }} as entropy_bits,
        0.5 * {{ in_order('sum', 'abs(share - baseline_share)', 'platform_id') }} as total_displacement,
        {{ in_order(
            'sum',
            entropy_bits('(share + baseline_share) / 2')
            ~ ' - (' ~ entropy_bits('share') ~ ' + ' ~ entropy_bits('baseline_share') ~ ') / 2',
            'platform_id'
        ) }} as js_divergence,
        max(baseline_days) as baseline_days,
        max(baseline_total_per_day) as baseline_total_per_day,
        min(baseline_null_reason) as baseline_null_reason,
        count(baseline_days) = count(*) as has_baseline,
        sum(articles) as articles,
        sum(articles_with_tone) as articles_with_tone,
        {{ in_order('sum', 'tone_sum', 'platform_id') }} as tone_sum
    from shares
    group by episode_id, source, period, period_start
),

-- An article that names several platforms counts once here; the shares count it for each.
told as (
    select
        periods.episode_id,
        periods.source,
        periods.period,
        periods.period_start,
        count(distinct stories.article_id) as distinct_articles,
        count(distinct stories.story_id) as stories
    from periods
    inner join {{ ref('int_article_stories') }} as stories
        on stories.published_date between periods.period_start and periods.period_end
    inner join {{ ref('int_episode_sets') }} as sets
        on
            periods.episode_id = sets.episode_id
            and stories.platform_id = sets.platform_id
    where periods.source = 'article_stories'
    group by periods.episode_id, periods.source, periods.period, periods.period_start
),

judged as (
    select
        periods.*,
        sets.platforms_in_set,
        measured.hhi,
        measured.entropy_bits,
        measured.total_displacement,
        measured.js_divergence,
        measured.baseline_days,
        measured.baseline_total_per_day,
        measured.articles_with_tone,
        measured.tone_sum,
        told.distinct_articles,
        told.stories,
        coalesce(
            measured.baseline_null_reason,
            case
                when not coalesce(measured.has_baseline, false) then 'no day before the window is complete'
            end
        ) as baseline_null_reason
    from periods
    inner join sets on periods.episode_id = sets.episode_id
    left join measured
        on
            periods.episode_id = measured.episode_id
            and periods.source = measured.source
            and periods.period = measured.period
            and periods.period_start = measured.period_start
    left join told
        on
            periods.episode_id = told.episode_id
            and periods.source = told.source
            and periods.period = told.period
            and periods.period_start = told.period_start
)

select
    episode_id,
    source,
    period,
    period_start,
    period_end,
    day_zone,
    cast(days as bigint) as days,
    cast(complete_days as bigint) as complete_days,
    platforms_in_set,
    platforms_counted,
    total_value,
    case when share_null_reason is null then hhi end as hhi,
    case when share_null_reason is null then entropy_bits end as entropy_bits,
    share_null_reason,
    case when baseline_null_reason is null then baseline_days end as baseline_days,
    -- A floating-point sum may miss the ends of [0, 1] in its last digit.
    case
        when share_null_reason is null and baseline_null_reason is null
            then least(1.0, total_displacement)
    end as total_displacement,
    case
        when share_null_reason is null and baseline_null_reason is null
            then least(1.0, greatest(0.0, js_divergence))
    end as js_divergence,
    coalesce(share_null_reason, baseline_null_reason) as displacement_null_reason,
    case
        when baseline_null_reason is null then total_value / complete_days - baseline_total_per_day
    end as excess_per_day,
    case
        when baseline_null_reason is null then total_value / complete_days / baseline_total_per_day
    end as ratio_to_baseline,
    case when total_value is null then share_null_reason else baseline_null_reason end as excess_null_reason,
    distinct_articles as articles,
    stories,
    case
        when source != 'article_stories' then 'the source counts, and keeps no articles'
        when stories is null then 'no article names a platform of the set'
    end as stories_null_reason,
    tone_sum / nullif(articles_with_tone, 0) as mean_tone,
    case
        when source != 'article_stories' then 'the source counts, and keeps no articles'
        when coalesce(articles_with_tone, 0) = 0 then 'no article of the period has a tone'
    end as tone_null_reason
from judged
order by episode_id, source, period, period_start
