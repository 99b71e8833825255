with statements as (
    select * from {{ ref('stg_raw__published_metrics') }}
),

metrics as (
    select * from {{ ref('metrics') }}
)

select
    statements.statement_id,
    statements.episode_id,
    statements.subject_type,
    statements.subject_id,
    statements.platform_id,
    statements.metric,
    coalesce(metrics.standard_metric, statements.metric) as standard_metric,
    coalesce(metrics.metric_family, statements.metric) as metric_family,
    metrics.definition,
    statements.channel,
    statements.geography,
    statements.observed_date,
    statements.date_precision,
    -- A month's or year's figure stands on its first day, but says nothing about the days around it.
    case
        when statements.date_precision in ('month', 'quarter', 'year') then statements.date_precision
        else 'day'
    end as period,
    statements.value,
    statements.value_low,
    statements.value_high,
    statements.value_bound,
    statements.unit,
    statements.provider,
    statements.publisher,
    statements.published_date,
    statements.source_url,
    statements.confidence,
    statements.note,
    statements.provenance,
    statements.observed_at
from statements
left join metrics on statements.metric = metrics.metric
