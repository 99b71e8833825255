{#
    Recursions over the last days of a series, written out: `value` ~ '_27' is the oldest day, `value` ~ '_0'
    the day itself. Each macro takes the days from `first` back to `last` and starts from `before`. A day
    without a value leaves them as they were.
#}

{#
    Columns `name` ~ '_0' to `name` ~ '_27' of a select list: what `value` was on the days observed of the last 28,
    NULL where there are fewer. `day_number` counts days; the window's name says of which series.
#}
{% macro remembered_days(value, name, window, days=28) -%}
    {%- for back in range(days) %}
    case
        when day_number - lag(day_number, {{ back }}) over {{ window }} < {{ days }}
            then lag({{ value }}, {{ back }}) over {{ window }}
    end as {{ name }}_{{ back }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# The same of the last 28 observations, however far back; 0 where there are fewer. #}
{% macro remembered_observations(value, name, window, observations=28) -%}
    {%- for back in range(observations) %}
    coalesce(lag({{ value }}, {{ back }}) over {{ window }}, 0.0) as {{ name }}_{{ back }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# max(0, what it was + value - slack). #}
{% macro cusum_steps(value, first, last, before, slack) -%}
    {%- set ns = namespace(steps=before) -%}
    {%- for back in range(first, last - 1, -1) -%}
        {%- set ns.steps = 'greatest(0.0, coalesce(' ~ value ~ '_' ~ back ~ ' - ' ~ slack ~ ', 0.0) + ' ~ ns.steps ~ ')' -%}
    {%- endfor -%}
    {{ return(ns.steps) }}
{%- endmacro %}


{# weight * value + (1 - weight) * what it was. #}
{% macro ewma_steps(value, first, last, before, weight) -%}
    {%- set ns = namespace(steps=before) -%}
    {%- for back in range(first, last - 1, -1) -%}
        {%- set day = value ~ '_' ~ back -%}
        {%- set kept = 'case when ' ~ day ~ ' is null then 1.0 else ' ~ (1 - weight) ~ ' end' -%}
        {%- set ns.steps = 'coalesce(' ~ day ~ ' * ' ~ weight ~ ', 0.0) + ' ~ kept ~ ' * (' ~ ns.steps ~ ')' -%}
    {%- endfor -%}
    {{ return(ns.steps) }}
{%- endmacro %}


{# value + what it was, kept between 0 and `ceiling`. #}
{% macro clamped_steps(value, first, last, before, ceiling) -%}
    {%- set ns = namespace(steps=before) -%}
    {%- for back in range(first, last - 1, -1) -%}
        {%- set ns.steps = value ~ '_' ~ back ~ ' + least(' ~ ceiling ~ ', greatest(0.0, ' ~ ns.steps ~ '))' -%}
    {%- endfor -%}
    {{ return(ns.steps) }}
{%- endmacro %}
