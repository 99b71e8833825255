{%- set design = event_study_design() %}
{%- set boehmer = 'mean_scar / nullif(sd_scar, 0) * sqrt(n_firms)' %}
{%- set patell = 'sum_scar / sqrt(patell_variance)' %}
{%- set shared = '1 + (n_firms - 1) * mean_correlation' %}
{%- set n = 'cast(n_firms as double)' %}
{%- set estimated = 'mean_estimation_sessions - ' ~ design.lost_degrees %}
{%- set tests = {
    'cross_sectional_t': ('mean_car / nullif(sd_car, 0) * sqrt(n_firms)', n ~ ' - 1'),
    'brown_warner_1980':
        ('mean_car / (sqrt(window_sessions) * sqrt(sum_of_variances) / n_firms)', estimated),
    'brown_warner_1985':
        ('mean_car / (sqrt(window_sessions) * nullif(sd_mean_abnormal_return, 0))', estimated),
    'patell': (patell, none),
    'adjusted_patell':
        ('case when ' ~ shared ~ ' > 0 then ' ~ patell ~ ' / sqrt(' ~ shared ~ ') end', none),
    'boehmer': (boehmer, n ~ ' - 1'),
    'kolari_pynnonen': (
        'case when ' ~ shared ~ ' > 0 then '
        ~ boehmer ~ ' * sqrt(greatest(1 - mean_correlation, 0) / (' ~ shared ~ ')) end',
        n ~ ' - 1',
    ),
    'lamb': (
        'case when n_benchmarks = 1 then mean_car / (nullif(sd_mean_abnormal_return, 0) * sqrt('
        ~ 'window_sessions + power(window_sessions, 2) / mean_estimation_sessions'
        ~ ' + power(market_deviation, 2) / market_sum_of_squares)) end',
        none,
    ),
    'sign': ('(positive_firms - n_firms * 0.5) / sqrt(n_firms * 0.25)', none),
    'generalized_sign': (
        '(positive_firms - n_firms * share_positive)'
        ~ ' / sqrt(nullif(n_firms * share_positive * (1 - share_positive), 0))',
        none,
    ),
    'corrado_sign': ('sign_sum / sqrt(window_sessions)', none),
    'corrado_rank': ('rank_sum / sqrt(window_sessions)', none),
    'modified_rank': ('modified_rank_sum / sqrt(window_sessions)', none),
    'wilcoxon': ('case when moved_firms > 0 then positive_places end', 'cast(moved_firms as double)'),
} %}
with windows as (
    select * from {{ ref('int_group_windows') }}
),

valued as (
    {% for test, (statistic, degrees) in tests.items() -%}
        select
            event_id,
            event_date,
            group_kind,
            group_id,
            window_start,
            window_end,
            n_firms,
            n_benchmarks,
            mean_car,
            mean_correlation,
            '{{ test }}' as test,
            case when n_firms > 0 then {{ statistic }} end as statistic,
            case when n_firms > 0 then {{ degrees if degrees is not none else 'cast(null as double)' }} end
                as degrees_of_freedom
        from windows
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    event_id,
    event_date,
    group_kind,
    group_id,
    window_start,
    window_end,
    test,
    n_firms,
    mean_car,
    mean_correlation,
    statistic,
    case when statistic is not null then degrees_of_freedom end as degrees_of_freedom,
    case
        when statistic is not null then null
        when n_firms = 0 then 'no firm has a return on every session of the window'
        when test = 'lamb' and n_benchmarks > 1 then 'the firms are measured against more than one benchmark'
        when n_firms = 1 and test in ('cross_sectional_t', 'boehmer', 'kolari_pynnonen', 'adjusted_patell')
            then 'one firm has no cross-section'
        when test = 'wilcoxon' then 'no firm moved'
        else 'the firms, or the sessions to compare with, do not differ'
    end as null_reason
from valued
