{# Macros that `meta: {spread: ...}` and `meta: {whole: ...}` of models by day name: see `touched_days.sql`. #}


{#
    Captures that stand under several days, which only a mistaken or corrected drop brings: of their rows the last
    seen wins, whatever its day. So days are no longer built by themselves where such a day changed.
#}
{% macro whole_tied_captures() %}
    select tied.capture_id || ' ' || days.table_name || ' ' || days.day || ' ' || days.digest as said
    from (
        select
            capture_id,
            store_date,
            count(*) over (partition by capture_id) as days
        from {{ ref('stg_raw__capture_days') }}
    ) as tied
    inner join upkeep.lake_days as days
        on
            tied.store_date = days.day
            and days.table_name in ('chart_captures', 'chart_entries')
    where tied.days > 1
{%- endmacro %}


{# Which platforms are looked for in which charts: a new one has a row for each day of the chart's history. #}
{% macro whole_chart_pairs() %}
    select platform_id || ' ' || store || ' ' || country || ' ' || chart || ' ' || has_known_id as said
    from {{ ref('int_chart_platforms') }}
{%- endmacro %}


{# Days by which the known time of a chart grew or shrank since the model was built, seen or not. #}
{% macro spread_chart_ranges() %}
    {{ changed_ranges(
        day_ranges(this, ['store', 'country', 'chart'], 'store_date', 'store_date'),
        day_ranges(ref('int_chart_platforms'), ['store', 'country', 'chart'], 'first_date', 'last_date')
    ) }}
{%- endmacro %}

{# The same of the signals of attention, and of news. #}
{% macro spread_attention_ranges() %}
    {{ changed_ranges(
        day_ranges(this, ['source'], 'attention_date', 'attention_date'),
        day_ranges(
            "(select * from " ~ ref('stg_raw__attention') ~ " where subject_type = 'platform') as readings",
            ['signal'], 'attention_date', 'attention_date'
        )
    ) }}
{%- endmacro %}

{% macro spread_news_ranges() %}
    {{ changed_ranges(
        day_ranges(this, ['source'], 'news_date', 'news_date'),
        day_ranges(ref('stg_raw__news_volume'), ['signal'], 'news_date', 'news_date')
    ) }}
{%- endmacro %}

{% macro day_ranges(relation, columns, first, last) %}
    {#- Texts are put together of groups: of all rows that takes longer than all else. #}
    select
        {{ columns | join(" || ' ' || ") }} as key,
        first_date,
        last_date
    from (
        select
            {{ columns | join(', ') }},
            min({{ first }}) as first_date,
            max({{ last }}) as last_date
        from {{ relation }}
        group by {{ columns | join(', ') }}
    ) as ranges
{%- endmacro %}

{# Days that lie in one of two ranges of a key only. A key that came or went changes what the model is made from. #}
{% macro changed_ranges(before, now) %}
    select {{ each_day('first_date', 'last_date') }} as day
    from (
        select
            least(before.first_date, now.first_date) as first_date,
            {{ days_after('greatest(before.first_date, now.first_date)', -1) }} as last_date
        from ({{ before }}) as before
        inner join ({{ now }}) as now on before.key = now.key
        where before.first_date != now.first_date
        union all
        select
            {{ days_after('least(before.last_date, now.last_date)', 1) }} as first_date,
            greatest(before.last_date, now.last_date) as last_date
        from ({{ before }}) as before
        inner join ({{ now }}) as now on before.key = now.key
        where before.last_date != now.last_date
    )
{%- endmacro %}


{# Of an encyclopedia only the article on the platform itself counts; others are about something else too. #}
{% macro counted_attention() -%}
    select readings.*
    from {{ ref('stg_raw__attention') }} as readings
    left join (
        select distinct
            subject_id,
            title
        from {{ ref('stg_raw__watch_wikipedia_titles') }}
        where subject_type = 'platform' and is_primary
    ) as titles
        on
            readings.subject_id = titles.subject_id
            and readings.item = titles.title
    where
        readings.subject_type = 'platform'
        and (
            readings.signal not in ('wikipedia_pageviews', 'wikipedia_top_list')
            or titles.title is not null
        )
{%- endmacro %}


{# What has a row for each day of its signal's time, and what is one for all of these days. #}
{% macro whole_attention_series() %}
    select 'platform ' || signal || ' ' || subject_id as said
    from (
        select distinct
            signal,
            subject_id
        from ({{ counted_attention() }})
    )
    union all
    select 'signal ' || signal || ' ' || coalesce(min(day_zone), '') || ' ' || coalesce(min(unit), '') as said
    from {{ ref('stg_raw__attention') }}
    where subject_type = 'platform'
    group by signal
{%- endmacro %}

{% macro whole_news_series() %}
    select 'subject ' || signal || ' ' || subject_type || ' ' || coalesce(subject_id, '') as said
    from (
        select distinct
            signal,
            subject_type,
            subject_id
        from {{ ref('stg_raw__news_volume') }}
    )
    union all
    select
        'signal ' || signal || ' ' || coalesce(min(day_zone), '') || ' ' || coalesce(min(item_kind), '') || ' '
        || max(case when batch != 'day' then 1 else 0 end) as said
    from {{ ref('stg_raw__news_volume') }}
    group by signal
{%- endmacro %}


{# Looks at a chart that can be compared: a published head of a few ranks says nothing about it. #}
{% macro comparable_looks() -%}
    select * from {{ ref('stg_raw__chart_captures') }}
    where scope = 'chart' and capture_status = 'succeeded' and depth >= 10
{%- endmacro %}


{# Looks that are compared with one before a changed day, or on it. #}
{% macro spread_next_look() %}
    select looks.store_date as day
    from (
        select
            store_date,
            lag(store_date) over (partition by store, country, chart order by store_date) as previous_date
        from (
            select distinct
                store,
                country,
                chart,
                store_date
            from ({{ comparable_looks() }})
        )
    ) as looks
    inner join changed on looks.store_date >= changed.day and looks.previous_date <= changed.day
{%- endmacro %}


{# Observations of a series that follow on one before a changed day, or on it, after days without any. #}
{% macro spread_next_observation() %}
    select after_gap.series_date as day
    from (
        select distinct
            series_date,
            previous_date
        from {{ this }}
        where previous_date < {{ days_after('series_date', -1) }}
    ) as after_gap
    inner join changed on after_gap.series_date > changed.day and after_gap.previous_date <= changed.day
{%- endmacro %}


{# The zone of each source's days, which is one for all days of the source. #}
{% macro whole_day_zones() %}
    select source || ' ' || coalesce(day_zone, '') as said
    from (
        select distinct
            source,
            day_zone
        from {{ ref('fct_attention_daily') }}
        union
        select distinct
            source,
            day_zone
        from {{ ref('fct_news_daily') }}
    )
{%- endmacro %}
