-- Sums of money over a span of time: only these can be taken from each other.
with flows as (
    select
        *,
        {{ days_between('period_start', 'period_end') }} + 1 as days
    from {{ ref('fct_company_facts') }}
    where period_start is not null and length(unit) = 3 and unit = upper(unit)
),

-- Fiscal years may have 52 or 53 weeks, so lengths are ranges.
quarters as (
    select * from flows
    where days between 80 and 100
),

nine_months as (
    select * from flows
    where days between 260 and 290
),

years as (
    select * from flows
    where days between 350 and 380
),

stated as (
    select
        company_id,
        taxonomy,
        concept,
        unit,
        period_start as quarter_start,
        period_end as quarter_end,
        value,
        false as is_derived,
        cast(null as double) as year_value,
        cast(null as double) as nine_months_value,
        is_restated,
        filed_date,
        first_filed_date,
        provenance,
        observed_at
    from quarters
),

derived as (
    select
        years.company_id,
        years.taxonomy,
        years.concept,
        years.unit,
        {{ days_after('nine_months.period_end', 1) }} as quarter_start,
        years.period_end as quarter_end,
        years.value - nine_months.value as value,
        true as is_derived,
        years.value as year_value,
        nine_months.value as nine_months_value,
        years.is_restated or nine_months.is_restated as is_restated,
        greatest(years.filed_date, nine_months.filed_date) as filed_date,
        greatest(years.first_filed_date, nine_months.first_filed_date) as first_filed_date,
        years.provenance,
        greatest(years.observed_at, nine_months.observed_at) as observed_at
    from years
    inner join nine_months
        on
            years.company_id = nine_months.company_id
            and years.taxonomy = nine_months.taxonomy
            and years.concept = nine_months.concept
            and years.unit = nine_months.unit
            and years.period_start = nine_months.period_start
    -- A fourth quarter that was filed is not computed.
    left join quarters
        on
            years.company_id = quarters.company_id
            and years.taxonomy = quarters.taxonomy
            and years.concept = quarters.concept
            and years.unit = quarters.unit
            and years.period_end = quarters.period_end
    where quarters.company_id is null
),

unioned as (
    select * from stated
    union all
    select * from derived
)

select * from unioned
order by company_id, taxonomy, concept, unit, quarter_end, quarter_start
