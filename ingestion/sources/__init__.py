"""The upstreams, one module each, and the registry of them.

A module defines `SOURCE`. Registering it here is all it takes to be fetched, checked, loaded, shown in the
web UI and put through the suite that every source passes (`tests/integration/test_every_source.py`). Modules
are imported whenever definitions are loaded: libraries that take long to import belong inside the functions
that use them.
"""

from ingestion.source import Source
from ingestion.sources import (
    apple_legacy_feed,
    apple_lookup,
    apple_marketing_feed,
    article_text,
    ecb_rates,
    feeds,
    gdelt_doc,
    gdelt_gkg,
    google_play_charts,
    hacker_news,
    sec_edgar,
    wayback_charts,
    wikimedia_pageviews,
    yahoo_chart,
)

SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE
    for module in (
        apple_marketing_feed,
        apple_legacy_feed,
        apple_lookup,
        google_play_charts,
        wayback_charts,
        gdelt_gkg,
        gdelt_doc,
        feeds,
        hacker_news,
        article_text,
        yahoo_chart,
        ecb_rates,
        sec_edgar,
        wikimedia_pageviews,
    )
}
"""Every upstream by name, in the order in which a reader meets them."""
