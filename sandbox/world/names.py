"""Invented words for people, companies, subjects and meetings, and the names that break careless software."""

from __future__ import annotations

from random import Random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    """Aino Amara Anders Bao Beatriz Chidi Dara Elif Emeka Freja Goran Hana Ines Ivo Jasmin Kaito Lena Liv Mads
    Malik Mira Nadia Noor Oskar Pia Rafael Ravi Sana Sofia Stefan Tomas Uma Vera Wanja Xenia Yara Yusuf Zofia"""
)
LAST_NAMES = _words(
    """Aalto Abara Bakker Berg Brandt Castell Dahl Demir Egede Falk Garcez Haddad Holm Ibarra Jansen Kask Kowal
    Lindt Moreau Nwosu Okafor Palmqvist Quist Rask Reyes Sato Skov Tamm Ueda Varga Vestby Weiss Yilmaz Zeman"""
)
_STEMS = _words(
    """Aurel Bright Cinder Delph Ember Fjord Glim Harbor Indig Juniper Kestrel Lumen Maple Nimbo Orchard Pebble
    Quill Ripple Solst Timber Umbra Velvet Willow Xylo Yarrow Zephyr Beacon Copper Drift Granite Lantern Meadow"""
)
_ENDINGS = _words("""ia ora is works ridge field mark line point wood stone wave bridge gate haus shop lab yard""")
_TRADES = _words(
    """Logistics Energy Foods Robotics Textiles Mobility Clinics Insurance Optics Packaging Software Maritime Paper
    Ceramics Education Retail Bikes Analytics Marine Studios Forestry Instruments"""
)
_FORMS = ("GmbH", "A/S", "Ltd", "Inc.", "B.V.", "SE", "AB", "LLC", "Oy", "S.L.")
INDUSTRIES = (
    "COMPUTER_SOFTWARE", "LOGISTICS_AND_SUPPLY_CHAIN", "RETAIL", "INSURANCE", "RENEWABLES_ENVIRONMENT",
    "HOSPITAL_HEALTH_CARE", "HIGHER_EDUCATION", "MACHINERY", "FOOD_PRODUCTION", "MARITIME",
)  # fmt: skip
COUNTRIES = {
    "EUR": ("Germany", "Netherlands", "Finland", "Spain", "Ireland"),
    "USD": ("United States",),
    "GBP": ("United Kingdom",),
    "DKK": ("Denmark",),
}
TITLES = ("Chief Executive", "Head of Operations", "IT Manager", "Project Lead", "Analyst", "Controller", "VP Finance")
FREE_MAIL_DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de")
MEETING_TYPES = ("QBR", "Check-in", "Kickoff", "Training", "Success review", "Executive briefing")
TICKET_SUBJECTS = {
    "feature_request": ("Export to spreadsheet", "Dark theme", "Approval step for invoices", "Bulk edit of tags"),
    "product_issue": ("Report does not load", "Wrong total on dashboard", "Import stops half-way", "Slow search"),
    "billing_issue": ("Invoice address", "Credit note missing", "Question about seats"),
    "general_inquiry": ("How to invite colleagues", "Where is the audit log?", "Training material"),
    "complex_integration": ("Single sign-on fails", "Webhook signature mismatch", "Sync with the ERP"),
    "contract_dispute": ("Service level not met", "Price increase"),
}
HOSTILE_NAMES = (
    "Łódź & Søn 株式会社 🌊",
    'The "Quoted", Company\'s; Name',
    "Two\nLines and a\ttab",
    "\u202eغير مألوف\u202c שלום",
    '=HYPERLINK("http://198.51.100.7/x","Click")',
    "<script>alert('keepwell')</script>",
    "+1-1|cmd /c calc",
    "Robert'); DROP TABLE accounts;--",
    "  leading and trailing  ",
    "zero\u200bwidth\u00a0space",
    "Ünï𝔠ödé e\u0301 vs é",
    "{{ 7 * 7 }} ${jndi:x} %s %n",
    "👩‍👩‍👧‍👦" * 12,
    "Very Long " * 60 + "Holding",
    "null",
    "0",
)


_SUFFIXES = {"EUR": ("de", "nl", "eu", "com"), "USD": ("com", "io"), "GBP": ("co.uk", "com"), "DKK": ("dk",)}


def company_name(rng: Random, key: int, currency: str) -> tuple[str, str]:
    """Return an invented company name and a domain under a public suffix that no other key can have."""
    stem = rng.choice(_STEMS) + rng.choice(_ENDINGS)
    trade = rng.choice(_TRADES)
    return f"{stem} {trade} {rng.choice(_FORMS)}", f"{stem}-{trade}-{key}.{rng.choice(_SUFFIXES[currency])}".lower()


def person_name(rng: Random) -> tuple[str, str]:
    """Return a first and a last name."""
    return rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
