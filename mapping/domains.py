"""Domains: the registered domain of a website, and the domains that say nothing about who somebody is."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

import tldextract

# The bundled list only: no download, no cache directory. Private suffixes are on, so that two customers on one
# site builder keep two domains. The reserved names of RFC 2606 count as suffixes for rehearsals.
_EXTRACT = tldextract.TLDExtract(
    suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True, extra_suffixes=("example", "test")
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?")

FREE_MAIL = frozenset(
    """
    aol.com fastmail.com free.fr gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk
    hotmail.com hotmail.de hotmail.fr icloud.com laposte.net libero.it live.com mac.com mail.com mail.ru me.com msn.com
    naver.com orange.fr outlook.com outlook.de pm.me posteo.de proton.me protonmail.com qq.com rocketmail.com
    t-online.de tutanota.com web.de yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de yahoo.fr yandex.com yandex.ru ymail.com
    zoho.com 163.com 126.com
    """.split()  # noqa: SIM905 (a page of words is easier to read and to sort than a page of quotes)
)
"""Mail providers: two accounts with one of these are not the same company."""

SHARED_HOSTS = frozenset(
    """
    facebook.com instagram.com linkedin.com x.com twitter.com youtube.com google.com goo.gl linktr.ee bit.ly etsy.com
    ebay.com amazon.com wixsite.com wordpress.com blogspot.com weebly.com squarespace.com godaddysites.com
    business.site myshopify.com notion.site github.io medium.com substack.com tiktok.com wikipedia.org
    example.com example.org example.net localhost
    """.split()  # noqa: SIM905
)
"""Hosts that many companies share, and placeholders."""


@lru_cache(maxsize=65_536)
def registered_domain(raw: str) -> str | None:
    """Registered domain of a domain, address or website, lower case and in ASCII; None where there is none."""
    host = _host(raw)
    if host is None:
        return None
    found = _EXTRACT.extract_str(host).top_domain_under_public_suffix
    return found.lower() or None


def identifies(domain: str | None) -> bool:
    """Whether a registered domain can tell one company from another."""
    return bool(domain) and domain not in FREE_MAIL and domain not in SHARED_HOSTS


def _host(raw: str) -> str | None:
    shown = raw.strip().lower()
    address = shown if "//" in shown else f"//{shown.rsplit('@', 1)[-1]}"
    try:
        host = urlsplit(address).hostname or ""
        host = host.rstrip(".").encode("idna").decode("ascii") if not host.isascii() else host.rstrip(".")
    except (UnicodeError, ValueError):
        return None
    labels = host.split(".")
    return host if len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels) else None
