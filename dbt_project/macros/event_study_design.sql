{#
    The design of every event study, in one place. All counts are sessions of the benchmark, told from the
    event's session, which is 0.
#}
{% macro event_study_design() -%}
    {{ return({
        'estimation_first': -260,
        'estimation_last': -11,
        'estimation_minimum': 60,
        'windows': [(0, 0), (0, 1), (-1, 1), (0, 5), (0, 10), (-5, -1)],
    }) }}
{%- endmacro %}
