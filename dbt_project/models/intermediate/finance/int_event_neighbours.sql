with returns as (
    select * from {{ ref('int_event_returns') }}
),

models as (
    select * from {{ ref('int_market_models') }}
),

sessions as (
    select * from {{ ref('int_trading_sessions') }}
),

news as (
    select * from {{ ref('company_confounders') }}
),

events as (
    select
        event_id,
        company_id,
        event_session_date as session_date,
        event_id as neighbour_id
    from models
),

-- What happened to a company alone is priced like an event: on its day's session or on the next.
placed as (
    select
        models.event_id,
        models.company_id,
        min(
            case when sessions.session_date >= news.confounder_date then sessions.session_date end
        ) as session_date,
        news.confounder_id as neighbour_id
    from models
    inner join news on models.company_id = news.company_id
    inner join sessions
        on
            models.benchmark_symbol = sessions.calendar_symbol
            and models.vintage = sessions.vintage_date
    group by models.event_id, models.company_id, news.confounder_id, news.confounder_date
    having min(sessions.session_date) <= news.confounder_date
)

select
    returns.event_id,
    returns.company_id,
    returns.tau,
    events.neighbour_id
from returns
inner join events
    on
        returns.company_id = events.company_id
        and returns.session_date = events.session_date
        and returns.event_id != events.event_id
union all
select
    returns.event_id,
    returns.company_id,
    returns.tau,
    placed.neighbour_id
from returns
inner join placed
    on
        returns.event_id = placed.event_id
        and returns.company_id = placed.company_id
        and returns.session_date = placed.session_date
