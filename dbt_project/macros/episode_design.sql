{#
    The design of every measure of an episode's series, in one place. All counts are days.

    `baseline_days` before the window make the baseline, at least `baseline_minimum` of them observed. A day
    surges above `surge_z` robust standard deviations (Iglewicz and Hoaglin). A decay is fitted to the peak
    and the days after it, up to `decay_days` or until the excess first is within `decay_noise` robust standard
    deviations of nothing, on at least `decay_minimum` of them. `horizons` are counted from the peak,
    and `follow_up_days` is how long after the window a series is still followed. A published figure tells the level
    before where it is for one of the `figure_days` before the window: providers publish levels far apart.
#}
{% macro episode_design() -%}
    {{ return({
        'baseline_days': 14,
        'baseline_minimum': 7,
        'surge_z': 3.5,
        'decay_days': 60,
        'decay_minimum': 7,
        'decay_noise': 2,
        'horizons': [7, 14, 30, 60, 90],
        'follow_up_days': 92,
        'figure_days': 31,
    }) }}
{%- endmacro %}


{# The reason, where there is no value. #}
{% macro reason_unless(value, reason) -%}
    case when {{ value }} is null then {{ reason }} end
{%- endmacro %}


{# The value of a day's row: what is only known from above, as off the chart, has none. #}
{% macro seen_value(row) -%}
    case when {{ row }}.value_upper_bound is null then {{ row }}.value end
{%- endmacro %}


{#
    Why the series `asked` has no value on a day of its own, `date`; `row` is that day's row, where there is one.
#}
{% macro missing_day_reason(date, row) -%}
    case
        when {{ row }}.value_upper_bound is not null
            then
                'not among the first ' || {{ row }}.depth || ': at best rank ' || ({{ row }}.depth + 1)
                || ', a visibility of ' || cast(round({{ row }}.value_upper_bound, 2) as varchar)
        when {{ row }}.value is not null or asked.{{ date }} is null then null
        when asked.{{ date }} > asked.last_observed_date
            then 'the series was last observed on ' || cast(asked.last_observed_date as varchar)
        else coalesce({{ row }}.value_null_reason, 'the series has no such day')
    end
{%- endmacro %}


{#
    The design of chart survival: the depths that are asked about, how many days a chart may go unseen within one
    stay, and how long a stay is followed.
#}
{% macro survival_design() -%}
    {{ return({'depths': [1, 10, 25, 100], 'longest_gap': 7, 'last_day': 120}) }}
{%- endmacro %}
