with stated as (
    select
        figures.*,
        proxies.proxy,
        proxies.scale,
        -- What a provider revised is told by its later statement.
        row_number() over (
            partition by
                figures.platform_id,
                proxies.proxy,
                proxies.scale,
                figures.geography,
                figures.provider,
                figures.channel,
                figures.observed_date
            order by
                case when figures.published_date is null then 1 else 0 end asc,
                figures.published_date desc,
                figures.statement_id asc
        ) as statement_order
    from {{ ref('int_published_figures') }} as figures
    inner join {{ ref('published_proxies') }} as proxies on figures.standard_metric = proxies.metric
    where
        figures.subject_type = 'platform'
        and figures.period = 'day'
        and figures.value_bound = '='
        and figures.value is not null
)

select
    'published/' || proxy || '/' || platform_id || '/' || geography || '/' || coalesce(channel, 'any') || '/'
    || provider as series_id,
    platform_id,
    proxy,
    scale,
    geography,
    channel,
    provider,
    observed_date as series_date,
    date_precision,
    date_precision != 'day' as is_date_approximate,
    case when scale = 'change_pct' then 1 + value / 100.0 else value end as value,
    statement_id,
    confidence,
    source_url,
    provenance
from stated
where statement_order = 1
