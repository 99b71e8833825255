with facts as (
    select * from {{ ref('stg_raw__company_facts') }}
),

companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
    where cik is not null
),

filings as (
    select * from {{ ref('stg_raw__filings') }}
),

ordered as (
    select
        *,
        row_number() over (
            partition by cik, taxonomy, concept, unit, period_key
            order by filed_date desc, accession_number desc
        ) as from_last,
        row_number() over (
            partition by cik, taxonomy, concept, unit, period_key
            order by filed_date, accession_number
        ) as from_first
    from facts
),

counted as (
    select
        cik,
        taxonomy,
        concept,
        unit,
        period_key,
        count(*) as filings,
        min(value) < max(value) as is_restated
    from facts
    group by cik, taxonomy, concept, unit, period_key
)

select
    companies.company_id,
    latest.cik,
    latest.taxonomy,
    latest.concept,
    latest.unit,
    latest.period_start,
    latest.period_end,
    latest.period_key,
    latest.value,
    latest.form,
    latest.accession_number,
    latest.filed_date,
    earliest.value as first_value,
    earliest.accession_number as first_accession_number,
    earliest.filed_date as first_filed_date,
    filings.accepted_at as first_accepted_at,
    counted.is_restated,
    counted.filings,
    latest.provenance,
    latest.observed_at
from ordered as latest
inner join companies on latest.cik = companies.cik
inner join ordered as earliest
    on
        latest.cik = earliest.cik
        and latest.taxonomy = earliest.taxonomy
        and latest.concept = earliest.concept
        and latest.unit = earliest.unit
        and latest.period_key = earliest.period_key
        and earliest.from_first = 1
inner join counted
    on
        latest.cik = counted.cik
        and latest.taxonomy = counted.taxonomy
        and latest.concept = counted.concept
        and latest.unit = counted.unit
        and latest.period_key = counted.period_key
left join filings
    on
        earliest.cik = filings.cik
        and earliest.accession_number = filings.accession_number
where latest.from_last = 1
order by
    companies.company_id, latest.taxonomy, latest.concept, latest.unit, latest.period_end, latest.period_key
