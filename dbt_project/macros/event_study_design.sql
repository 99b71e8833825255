{#
    The design of every event study, in one place; the variable `event_study` (a dictionary) replaces parts of it.

    returns: `simple` or `log`.
    lost_degrees: what is taken from n in the variance of the residuals: 2 (both coefficients) or 1 (R's `sd`).
    market_moments: whose mean and spread of the benchmark stand in the prediction error: those of the
        symbol's `own` sessions, or of the whole estimation `window` (R's estudy2; it differs for short histories).
    estimation_first, estimation_last: sessions of the benchmark, told from the event's session, which is 0.
    estimation_first_date, estimation_last_date: days; where given, they stand instead of the two above.
    estimation_minimum: sessions below which nothing is estimated.
    placebo_minimum: windows without an event below which no p is counted.
    windows: first and last session of each.

    What follows from these: `event_first` and `event_last` (all windows together), `first` and `last` (sessions that
    are needed), `estimation_longest` (no estimation has more sessions).
#}
{% macro event_study_design() -%}
    {%- set design = {
        'returns': 'simple',
        'lost_degrees': 2,
        'market_moments': 'own',
        'estimation_first': -260,
        'estimation_last': -11,
        'estimation_first_date': none,
        'estimation_last_date': none,
        'estimation_minimum': 60,
        'placebo_minimum': 20,
        'windows': [(0, 0), (0, 1), (-1, 1), (0, 5), (0, 10), (-5, -1)],
    } -%}
    {%- set asked = var('event_study', {}) -%}
    {%- for key in asked if key not in design -%}
        {{ exceptions.raise_compiler_error('event_study: no part of the design is called ' ~ key) }}
    {%- endfor -%}
    {%- do design.update(asked) -%}
    {%- if design.returns not in ('simple', 'log')
        or design.lost_degrees not in (1, 2)
        or design.market_moments not in ('own', 'window') -%}
        {{ exceptions.raise_compiler_error('event_study: not a convention that is known: ' ~ asked) }}
    {%- endif -%}
    {%- set event_first = design.windows | map('first') | min -%}
    {%- set event_last = design.windows | map('last') | max -%}
    {%- do design.update({
        'event_first': event_first,
        'event_last': event_last,
        'first': [0, event_first, design.estimation_first] | min,
        'last': [0, event_last, design.estimation_last] | max,
        'estimation_longest': design.estimation_last - design.estimation_first + 1,
    }) -%}
    {%- if design.estimation_first_date is not none -%}
        {%- set day = modules.datetime.date.fromisoformat -%}
        {%- set span = day(design.estimation_last_date ~ '') - day(design.estimation_first_date ~ '') -%}
        {%- do design.update({
            'first': [0, event_first] | min,
            'last': [0, event_last] | max,
            'estimation_longest': span.days + 1,
        }) -%}
    {%- endif -%}
    {{ return(design) }}
{%- endmacro %}


{# Whether a session lies in the estimation window of its event. #}
{% macro is_in_estimation(tau, session_date) -%}
    {%- set design = event_study_design() -%}
    {%- if design.estimation_first_date is not none -%}
        {{ session_date }} between date '{{ design.estimation_first_date }}' and date '{{ design.estimation_last_date }}'
    {%- else -%}
        {{ tau }} between {{ design.estimation_first }} and {{ design.estimation_last }}
    {%- endif -%}
{%- endmacro %}


{# The windows as rows: those of the design (`is_designed`), and every session of them for itself. #}
{% macro event_study_windows() -%}
    {%- set design = event_study_design() -%}
    {%- set designed = [] -%}
    {%- for first, last in design.windows -%}
        {%- do designed.append((first, last)) -%}
    {%- endfor -%}
    {%- set windows = designed | list -%}
    {%- for tau in range(design.event_first, design.event_last + 1) if (tau, tau) not in designed -%}
        {%- do windows.append((tau, tau)) -%}
    {%- endfor -%}
    {%- for first, last in windows %}
        select
            {{ first }} as window_start,
            {{ last }} as window_end,
            {{ last - first + 1 }} as window_sessions,
            {{ (first, last) in designed }} as is_designed
        {% if not loop.last %}union all{% endif %}
    {%- endfor -%}
{%- endmacro %}


{# Columns that say by which conventions a study was made. #}
{% macro event_study_convention() -%}
    {%- set design = event_study_design() -%}
    '{{ design.returns }}' as return_kind,
    'n-{{ design.lost_degrees }}' as residual_degrees,
    '{{ design.market_moments }}' as market_moments
{%- endmacro %}
