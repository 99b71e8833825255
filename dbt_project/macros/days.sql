{# Every day from `first` to `last`, both included, as rows of a select list. #}
{% macro each_day(first, last) -%}
    {{ return(adapter.dispatch('each_day', 'migration_observatory')(first, last)) }}
{%- endmacro %}

{% macro default__each_day(first, last) -%}
    explode(sequence({{ first }}, {{ last }}))
{%- endmacro %}

{% macro duckdb__each_day(first, last) -%}
    cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date)
{%- endmacro %}


{# Every day of the windows of `episodes`, once, with so many days `before` and `after` them. #}
{% macro days_of_windows(episodes, before=0, after=0) -%}
    select distinct days.day
    from (
        select {{ each_day(days_after('window_start', -before), days_after('window_end', after)) }} as day
        from {{ episodes }}
    ) as days
{%- endmacro %}


{# The day `n` days after `day`. #}
{% macro days_after(day, n) -%}
    {{ return(adapter.dispatch('days_after', 'migration_observatory')(day, n)) }}
{%- endmacro %}

{% macro default__days_after(day, n) -%}
    date_add({{ day }}, cast({{ n }} as int))
{%- endmacro %}

{% macro duckdb__days_after(day, n) -%}
    ({{ day }} + cast({{ n }} as integer))
{%- endmacro %}


{# Whole days from `first` to `last`. #}
{% macro days_between(first, last) -%}
    {{ return(adapter.dispatch('days_between', 'migration_observatory')(first, last)) }}
{%- endmacro %}

{% macro default__days_between(first, last) -%}
    datediff({{ last }}, {{ first }})
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
    date_diff('day', {{ first }}, {{ last }})
{%- endmacro %}


{# The instant (UTC, without zone) at which `day` begins in `zone`. #}
{% macro day_start_utc(day, zone) -%}
    {{ return(adapter.dispatch('day_start_utc', 'migration_observatory')(day, zone)) }}
{%- endmacro %}

{% macro default__day_start_utc(day, zone) -%}
    to_utc_timestamp(cast({{ day }} as timestamp), {{ zone }})
{%- endmacro %}

{% macro duckdb__day_start_utc(day, zone) -%}
    timezone('UTC', timezone({{ zone }}, cast({{ day }} as timestamp)))
{%- endmacro %}


{# Hours from one instant to another, with their fraction. #}
{% macro hours_between(earlier, later) -%}
    {{ return(adapter.dispatch('hours_between', 'migration_observatory')(earlier, later)) }}
{%- endmacro %}

{% macro default__hours_between(earlier, later) -%}
    ((unix_timestamp({{ later }}) - unix_timestamp({{ earlier }})) / 3600.0)
{%- endmacro %}

{% macro duckdb__hours_between(earlier, later) -%}
    ((epoch({{ later }}) - epoch({{ earlier }})) / 3600.0)
{%- endmacro %}


{# The wall clock in `zone` (a timestamp without zone) at an instant (UTC, without zone). #}
{% macro wall_clock(instant, zone) -%}
    {{ return(adapter.dispatch('wall_clock', 'migration_observatory')(instant, zone)) }}
{%- endmacro %}

{% macro default__wall_clock(instant, zone) -%}
    from_utc_timestamp({{ instant }}, {{ zone }})
{%- endmacro %}

{% macro duckdb__wall_clock(instant, zone) -%}
    timezone({{ zone }}, timezone('UTC', {{ instant }}))
{%- endmacro %}


{# Of a timestamp, the time of day as HH:MM. #}
{% macro time_of_day(clock) -%}
    {{ return(adapter.dispatch('time_of_day', 'migration_observatory')(clock)) }}
{%- endmacro %}

{% macro default__time_of_day(clock) -%}
    date_format({{ clock }}, 'HH:mm')
{%- endmacro %}

{% macro duckdb__time_of_day(clock) -%}
    strftime({{ clock }}, '%H:%M')
{%- endmacro %}
