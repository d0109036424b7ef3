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

MAIL_BRANDS = frozenset(
    """
    aol fastmail gmail gmx googlemail hey hotmail icloud live msn outlook proton protonmail rocketmail tutanota yahoo
    yandex ymail zoho
    """.split()  # noqa: SIM905 (a page of words is easier to read and to sort than a page of quotes)
)
"""Mail providers with a domain in every country (yahoo.it, live.co.uk): the first label of the registered domain."""

FREE_MAIL = frozenset(
    """
    126.com 163.com abv.bg att.net bellsouth.net bigpond.com bk.ru bluewin.ch bol.com.br btinternet.com charter.net
    comcast.net cox.net daum.net earthlink.net foxmail.com free.fr freenet.de hanmail.net home.nl inbox.lv inbox.ru
    interia.pl laposte.net libero.it list.ru mac.com mail.com mail.ru me.com naver.com o2.pl online.no orange.fr
    pm.me posteo.de qq.com rambler.ru rediffmail.com sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com skynet.be
    sympatico.ca t-online.de telenet.be terra.com.br tiscali.it uol.com.br verizon.net virgilio.it wanadoo.fr web.de
    wp.pl xs4all.nl ziggo.nl
    """.split()  # noqa: SIM905
)
"""Other mail providers: two accounts with one of these are not the same company."""

SHARED_HOSTS = frozenset(
    """
    about.me amazon.com bit.ly blogspot.com business.site carrd.co crunchbase.com ebay.com etsy.com facebook.com fb.com
    fb.me forms.gle github.com github.io gitlab.com godaddysites.com goo.gl google.com google.de google.fr google.co.uk
    instagram.com jimdo.com linkedin.com linktr.ee medium.com myshopify.com notion.site pinterest.com squarespace.com
    strikingly.com substack.com t.me tiktok.com tinyurl.com tripadvisor.com tumblr.com twitter.com vimeo.com wa.me
    webnode.com weebly.com wikipedia.org wix.com wixsite.com wordpress.com x.com xing.com yelp.com youtube.com
    example.com example.net example.org localhost test.com
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
    if not domain or domain in FREE_MAIL or domain in SHARED_HOSTS:
        return False
    return domain.split(".", 1)[0] not in MAIL_BRANDS


def _host(raw: str) -> str | None:
    shown = raw.strip().lower()
    address = shown if "//" in shown else f"//{shown}"
    try:
        host = urlsplit(address).hostname or ""
        host = host.rstrip(".").encode("idna").decode("ascii") if not host.isascii() else host.rstrip(".")
    except (UnicodeError, ValueError):
        return None
    labels = host.split(".")
    return host if len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels) else None
