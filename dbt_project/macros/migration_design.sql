{#
    The design of shares of voice and of the migration index, in one place. Days before the episode's window are
    the baseline. `trailing_days` removes the weekly cycle, and the days of which nobody spoke.
#}
{% macro migration_design() -%}
    {{ return({
        'baseline_days': 28,
        'baseline_minimum': 14,
        'trailing_days': 7,
        'trailing_minimum': 4,
        'weight_perturbation': 0.5,
    }) }}
{%- endmacro %}
