{# The names of series, which say what each is of. #}
{% macro chart_series_id(signal) -%}
    {{ signal }} || '/' || platform_id || '/' || store || '/' || country || '/' || chart
{%- endmacro %}

{% macro count_series_id(source, platform_id) -%}
    {{ source }} || '/' || {{ platform_id }}
{%- endmacro %}


{# How many days before and after its window any measure of an episode looks. #}
{% macro episode_reach() -%}
    {{ return({
        'before': [
            counterfactual_design().pre_days,
            lead_lag_design().days_before,
            episode_design().baseline_days,
            migration_design().baseline_days,
        ] | max,
        'after': episode_design().follow_up_days,
    }) }}
{%- endmacro %}
