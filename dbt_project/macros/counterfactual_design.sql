{#
    The design of every counterfactual, in one place. All counts are days.

    The date is the first day of the episode's window, fixed before anything is measured, so that no day which
    may be touched is fitted. `pre_days` before it are fitted, at least `minimum_days` of them observed; a
    placebo date lies `placebo_days` earlier and is followed up to the true one. `mape_limit` is the largest
    error of one-step predictions that is accepted.
#}
{% macro counterfactual_design() -%}
    {{ return({
        'pre_days': 180,
        'minimum_days': 21,
        'placebo_days': 28,
        'mape_limit': 0.2,
    }) }}
{%- endmacro %}
