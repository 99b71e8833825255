"""Sites with articles: their rules for robots, and pages with menus around a made-up text."""

from __future__ import annotations

from urllib.parse import urlsplit

from ingestion.source import Request

ROBOTS = b"""User-agent: *
Disallow: /private/
Crawl-delay: 1

User-agent: GreedyBot
Disallow: /
"""
PARAGRAPHS = (
    "Americans who expected TikTok to close moved to an app that most of them could not pronounce.",
    "Xiaohongshu, which they call RedNote, was the most downloaded app of the week, and Lemon8 came second.",
    "Some of them posted pictures of their cats, as a tax, and others asked for help with the menus.",
    "Duolingo said that more people than ever had begun to learn Mandarin, and made a joke of it.",
    "A lawyer for TikTok told the court that the law was without precedent, and the court was not impressed.",
)


def answer(request: Request) -> bytes:
    """`robots.txt`, or an article in English."""
    if request.url.endswith("/robots.txt"):
        return ROBOTS
    site = urlsplit(request.url).hostname
    paragraphs = "\n".join(f"<p>{text}</p>" for text in PARAGRAPHS)
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<title>Cats and courts - {site}</title>
<meta property="og:site_name" content="{site}"/><meta property="og:title" content="Cats and courts"/>
<meta property="article:published_time" content="{request.day}T08:00:00Z"/></head><body>
<nav><a href="/">Home</a> <a href="/instagram">Follow us on Instagram</a></nav>
<article><h1>Cats and courts</h1>
{paragraphs}
</article><footer>Share on Facebook. All rights reserved.</footer></body></html>
""".encode()
