with seen as (
    select
        *,
        {{ seen_order(['store', 'country', 'store_app_id', 'listing_date']) }} as seen_order
    from {{ source('raw', 'app_listings') }}
)

select
    store,
    country,
    store_app_id,
    listing_date,
    platform_id,
    is_available,
    app_name,
    bundle_id,
    developer,
    genre_id,
    genre,
    price,
    currency,
    average_rating,
    rating_count,
    installs_at_least,
    version,
    released_at,
    source_url,
    load_id,
    source,
    observed_at,
    provenance
from seen
where seen_order = 1
