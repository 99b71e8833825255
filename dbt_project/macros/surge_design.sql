{#
    The design of everything that says when something started, in one place. Days are calendar days of the
    series; a day's baseline is the days before it, itself left out.
#}
{% macro surge_design() -%}
    {%- set baseline_days = var('surge_baseline_days', 28) -%}
    {{ return({
        'baseline_days': baseline_days,
        'baseline_minimum': baseline_days // 2,
        'threshold': 3.5,
        'quiet_days': 7,
        'anew_factor': 3,
        'ewma_weight': 0.2,
        'ewma_limit': 3.0,
        'cusum_slack': 0.5,
        'cusum_limit': 5.0,
        'burst_scale': 2.0,
        'burst_gamma': 1.0,
        'break_days': 250,
        'break_days_around_episode': 90,
    }) }}
{%- endmacro %}


{#
    The least by which a series can be said to vary, in its own unit, so that a baseline that never moved does
    not make every change infinite: a count has at least the spread of a Poisson count; a position in a chart
    the jitter that two looks at one chart show.
#}
{% macro least_scale(signal_family, signal, baseline_median) -%}
    case
        when {{ signal }} = 'chart_visibility' then 0.1
        when {{ signal }} = 'chart_log_rank' then 0.25
        when {{ signal_family }} in ('attention', 'news') then sqrt(greatest({{ baseline_median }}, 1.0))
    end
{%- endmacro %}


{# What makes a median absolute deviation the standard deviation of a normal distribution. #}
{% macro mad_to_sigma() -%}
    1.4826
{%- endmacro %}


{# Days on which a burst can be told: a count, and of how many. #}
{% macro burst_observations() -%}
    select
        *,
        greatest(total, usable_value) as monitored
    from {{ ref('int_series_observations') }}
    where
        signal_family in ('attention', 'news')
        and total > 0
        and usable_value is not null
{%- endmacro %}


{# Whether a base rate leaves room for a state of burst. #}
{% macro has_burst_states(base_rate) -%}
    {{ base_rate }} > 0 and {{ surge_design().burst_scale }} * {{ base_rate }} < 1
{%- endmacro %}


{#
    What may have to be said anew of surges on days that are not rebuilt. One of several kinds is asked for by itself,
    so that an engine can leave out the others as it reads.
#}
{% macro stored_surges(like, kind) -%}
    select
        series_id,
        series_date,
        signal,
        signal_family,
        total,
        known_break_date,
        burst_state,
        burst_weight,
        burst_null_reason,
        break_penalties,
        break_null_reason,
        case
            when starts_with(robust_z_null_reason, 'a known break of the source: ') then robust_z_null_reason
        end as outage_text
    from {{ stored_rows(like) }}
    where
        signal != 'chart_visibility'
        and {{ kind }}
        and {{ is_kept('series_date') }}
{%- endmacro %}


{# What new days can change of a surge on any other: bursts, since the base rate is that of all days, and breaks. #}
{% macro burst_null_reason() -%}
    case
        when burst_state is not null then null
        when outage_text is not null then outage_text
        when signal_family = 'chart' then 'told of counts alone'
        when total is null then 'the source does not tell how much there was in all'
        when total <= 0 then 'nothing was monitored'
        else 'never more than nothing, or so much that twice as much is all there is'
    end
{%- endmacro %}

{% macro sought_break_penalties() -%}
    case when coalesce(is_sought, false) then coalesce(break_penalties, 0) end
{%- endmacro %}

{% macro break_null_reason() -%}
    case
        when coalesce(is_sought, false) then null
        when outage_text is not null then outage_text
        when signal = 'chart_visibility' then 'told of log ranks alone'
        when sought_null_reason is not null then sought_null_reason
        else '{{ not_sought() }}'
    end
{%- endmacro %}

{% macro not_sought() -%}
    outside the days in which breaks are sought
{%- endmacro %}
