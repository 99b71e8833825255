{# A share's part of Shannon's entropy in bits, -p log2(p), which is 0 for a share of 0. #}
{% macro entropy_bits(share) -%}
    case when {{ share }} > 0 then -({{ share }}) * ln({{ share }}) / ln(2.0) else 0.0 end
{%- endmacro %}


{#
    A share on a scale on which its chance variation does not depend on it: 2 asin(sqrt(p)), 0 to pi. Differences
    on it are Cohen's h. Unlike the logarithm and the log odds it has a value for a share of 0 and of 1.
#}
{% macro stabilised_share(share) -%}
    2.0 * asin(sqrt({{ share }}))
{%- endmacro %}
