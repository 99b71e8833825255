"""The raw tables, one module each: columns, key, units and expectation suite.

Belongs here: contracts, and the registry of them. Does not belong here: how they are enforced
(`ingestion.checks`) or where their rows are written (`ingestion.lake`).
"""

from ingestion.contract import RawTable
from ingestion.tables import (
    app_listings,
    article_claims,
    article_mentions,
    articles,
    attention,
    chart_captures,
    chart_entries,
    company_facts,
    filings,
    fx_rates,
    news_volume,
    platform_events,
    price_bars,
    published_metrics,
    watch_aliases,
    watch_apps,
    watch_companies,
    watch_episode_platforms,
    watch_episodes,
    watch_platforms,
    watch_storefronts,
    watch_wikipedia_titles,
)

RAW_TABLES: dict[str, RawTable] = {
    module.TABLE.name: module.TABLE
    for module in (
        chart_captures,
        chart_entries,
        app_listings,
        articles,
        article_mentions,
        article_claims,
        news_volume,
        attention,
        price_bars,
        fx_rates,
        company_facts,
        filings,
        published_metrics,
        platform_events,
        watch_platforms,
        watch_apps,
        watch_aliases,
        watch_companies,
        watch_wikipedia_titles,
        watch_storefronts,
        watch_episodes,
        watch_episode_platforms,
    )
}
"""Every raw table by name, in the order in which a reader meets them."""

WATCHLIST_TABLES: tuple[str, ...] = tuple(name for name in RAW_TABLES if name.startswith("watch_"))
"""Tables that come from `watchlist.yaml` alone."""
