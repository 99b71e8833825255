with computed as (
    select * from {{ ref('int_episode_measures') }}
),

benchmarks as (
    select * from {{ ref('episode_benchmarks') }}
),

episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
),

destinations as (
    select * from {{ ref('stg_raw__watch_episode_platforms') }}
),

-- A benchmark is set against the same provider's series; a time to peak, which has none, against the chart.
paired as (
    select
        coalesce(benchmarks.episode_id, computed.episode_id) as episode_id,
        coalesce(benchmarks.platform_id, computed.platform_id) as platform_id,
        coalesce(benchmarks.measure, computed.measure) as measure,
        coalesce(benchmarks.series, computed.series) as series,
        coalesce(benchmarks.provider, computed.provider, 'the stores') as provider,
        benchmarks.benchmark_id,
        benchmarks.value as benchmark_value,
        benchmarks.value_low as benchmark_low,
        benchmarks.value_high as benchmark_high,
        benchmarks.value_bound as benchmark_bound,
        benchmarks.after_days as benchmark_after_days,
        benchmarks.source as benchmark_source,
        benchmarks.confidence as benchmark_confidence,
        benchmarks.note,
        computed.value as computed_value,
        computed.series as computed_series,
        computed.channel as computed_channel,
        computed.geography as computed_geography,
        computed.method as computed_method,
        computed.after_days as computed_after_days,
        computed.confidence as computed_confidence,
        computed.null_reason
    from benchmarks
    full outer join computed
        on
            benchmarks.episode_id = computed.episode_id
            and benchmarks.platform_id = computed.platform_id
            and benchmarks.measure = computed.measure
            and (
                computed.provider is null
                or (benchmarks.provider = computed.provider and benchmarks.series = computed.series)
            )
)

select
    paired.episode_id,
    episodes.title as episode_title,
    episodes.window_start,
    paired.platform_id,
    paired.measure,
    paired.series,
    paired.provider,
    coalesce(paired.computed_channel, 'none') as channel,
    coalesce(paired.computed_geography, 'none') as geography,
    paired.computed_value,
    case when paired.computed_value is not null then paired.computed_series end as computed_series,
    case when paired.computed_value is not null then paired.computed_method end as computed_method,
    case when paired.computed_value is not null then paired.computed_after_days end as computed_after_days,
    case when paired.computed_value is not null then paired.computed_confidence end as computed_confidence,
    case
        when paired.computed_value is not null then null
        when paired.null_reason is not null then paired.null_reason
        when episodes.episode_id is null then 'the episode is not on the watchlist'
        when destinations.platform_id is null then 'the platform is no destination of the episode'
        else 'no series of this measure is at hand'
    end as computed_null_reason,
    paired.benchmark_id,
    paired.benchmark_value,
    paired.benchmark_low,
    paired.benchmark_high,
    paired.benchmark_bound,
    paired.benchmark_after_days,
    paired.benchmark_source,
    paired.benchmark_confidence,
    case when paired.benchmark_value is null then 'no benchmark is published' end as benchmark_null_reason,
    paired.computed_value / paired.benchmark_value as ratio_to_benchmark,
    case
        when paired.computed_value is null or paired.benchmark_value is null then null
        when paired.benchmark_bound = '<' then paired.computed_value < paired.benchmark_value
        when paired.benchmark_bound = '>' then paired.computed_value > paired.benchmark_value
        else
            paired.computed_value
            between 0.95 * coalesce(paired.benchmark_low, paired.benchmark_value)
            and 1.05 * coalesce(paired.benchmark_high, paired.benchmark_value)
    end as agrees_with_benchmark,
    paired.note
from paired
left join episodes on paired.episode_id = episodes.episode_id
left join destinations
    on
        paired.episode_id = destinations.episode_id
        and paired.platform_id = destinations.platform_id
order by
    paired.episode_id, paired.platform_id, paired.measure, paired.series, paired.provider, channel, geography
