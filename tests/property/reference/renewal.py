"""The renewal rules: terms, the deals that renew them, a status for each, one for the account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

from tests.property.reference.records import Moment, Records, Row, deals_as_known

UNSIGNED = ("draft", "in approval process", "in approval", "rejected", "cancelled", "canceled")
SEVERITY = [
    "churned", "projected_churn", "overdue", "projected_downsell", "at_risk", "due", "on_track", "renewed", "not_due",
]  # fmt: skip
AT_STAKE = ("projected_churn", "overdue", "projected_downsell", "at_risk")


@dataclass
class Term:
    """A stretch of cover, the deals that would renew it, and what became of it."""

    id: str
    start: date | None
    end: date
    arr: Decimal | None
    auto: bool
    notice: bool
    connection: str = ""
    deals: list[Row] = field(default_factory=list)
    renewed_together: list[Term] = field(default_factory=list)
    successors: list[Term] = field(default_factory=list)
    replaced: bool = False
    days: int = 0
    gone: bool = False
    status: str = ""
    sub: str | None = None
    rule: int = 0

    def in_force(self, at: Moment) -> bool:
        return begun(self, at) and self.days >= 0 and not self.gone

    @property
    def lost(self) -> bool:
        """Its renewal is lost, and there is no other."""
        return {deal["state"] for deal in self.deals} == {"lost"}

    @property
    def offer(self) -> Row | None:
        """The deal that renews it, or may."""
        won = self.last("won")
        return won if won is not None else self.last("open")

    def last(self, state: str) -> Row | None:
        mine = [deal for deal in self.deals if deal["state"] == state]
        return max(mine, key=lambda one: (one["close_date"] or date.min, one["connection"], one["id"]), default=None)


@dataclass
class Renewal:
    """The account's answer; `term` decided it, None where there is none."""

    status: str
    sub: str | None
    term: Term | None
    at_stake: Decimal
    churned_on: date | None
    override_incomplete: bool


def renewal(records: Records, at: Moment, band: str) -> Renewal:
    """The status of an account in `band`."""
    account = records.account
    terms = signed_terms(records, at)
    _match_deals(terms, records, at)
    _find_successors(terms, at)
    for term in terms:
        mine = term.offer["id"] if term.offer is not None else None
        term.renewed_together = [one for one in terms if one.offer is not None and one.offer["id"] == mine]
    for term in terms:
        _judge(term, account, at, band)
    incomplete = override_is_incomplete(account, at)
    counting = _under_evaluation(terms, at)
    if not counting:
        revenue = account["arr"] if account["arr"] is not None else account["acv"]
        sub = "missing_end_date" if revenue is not None and revenue > 0 else None
        return Renewal("not_applicable", sub, None, Decimal(0), None, incomplete)
    decisive = min(counting, key=_most_telling)
    stake = [term.arr or Decimal(0) for term in counting if term.in_force(at) and term.status in AT_STAKE]
    return Renewal(decisive.status, decisive.sub, decisive, sum(stake, Decimal(0)),
                   _churned_on(decisive, account), incomplete)  # fmt: skip


def _most_telling(term: Term) -> tuple[int, bool, Decimal, date, str, str]:
    """The most severe; of equal ones the larger; of those the one that ends first."""
    unknown = term.arr is None
    return SEVERITY.index(term.status), unknown, -(term.arr or Decimal(0)), term.end, term.connection, term.id


def signed_terms(records: Records, at: Moment) -> list[Term]:
    """Contract lines that are signed; an account without any has the term that its own dates describe."""
    account = records.account
    revenue = account["arr"] if account["arr"] is not None else account["acv"]
    signed = [one for one in records.contracts if one["end_at"] is not None and not unsigned(one)]
    terms = []
    for one in signed:
        arr = one["arr"] if comparable(one, account) else None
        if arr is None and len(signed) == 1:
            arr = revenue
        auto = one["auto_renew"] if one["auto_renew"] is not None else account["auto_renew"]
        notice = one["cancel_notice_at"] or account["cancel_notice_at"]
        terms.append(Term(one["id"], one["start_at"], one["end_at"], arr, bool(auto), at.has_come(notice),
                          one["connection"]))  # fmt: skip
    left = account["churned_at"] if at.has_come(account["churned_at"]) else None
    end = account["contract_end_at"] or left
    if not terms and end is not None:
        notice = at.has_come(account["cancel_notice_at"])
        terms.append(Term("account", account["contract_start_at"], end, revenue, bool(account["auto_renew"]), notice))
    return terms


def unsigned(contract: Row) -> bool:
    return (contract["status"] or "").strip().lower() in UNSIGNED


def comparable(record: Row, account: Row) -> bool:
    """Without exchange rates, amounts count in the account's own currency, or where nobody says which it is."""
    return None in (record["currency"], account["currency"]) or record["currency"] == account["currency"]


def begun(term: Term, at: Moment) -> bool:
    return term.start is None or term.start <= at.today


def _match_deals(terms: list[Term], records: Records, at: Moment) -> None:
    for deal in deals_as_known(records.deals, at):
        if deal["kind"] == "renewal":
            for term in _terms_of(deal, terms):
                early = deal["close_date"] is not None and term.start is not None and (
                    deal["close_date"] <= term.start + timedelta(days=31)
                )  # fmt: skip
                # A deal that closed by then made this term.
                if deal["state"] == "open" or not early:
                    term.deals.append({**deal, "annual": annual(deal, records.account)})


def _terms_of(deal: Row, terms: list[Term]) -> list[Term]:
    """The contract that it names, else whose end is nearest to its close date: 180 days before to 90 after."""
    named = [term for term in terms if (term.connection, term.id) == (deal["connection"], deal["contract_ref"])]
    if named or deal["close_date"] is None:
        return named
    near = [term for term in terms if -180 <= (deal["close_date"] - term.end).days <= 90]
    closest = min((abs((deal["close_date"] - term.end).days) for term in near), default=0)
    return [term for term in near if abs((deal["close_date"] - term.end).days) == closest]


def annual(deal: Row, account: Row) -> Fraction | None:
    """What a year of it is worth: ARR, else ACV, else the whole brought to twelve months, else the amount."""
    if not comparable(deal, account):
        return None
    whole = deal["tcv"] if deal["tcv"] is not None else deal["amount"]
    months = deal["term_months"] if deal["term_months"] is not None and deal["term_months"] > 0 else None
    # Money has six decimals, and a year's share of a whole is cut to them.
    year = Fraction(floor(Fraction(whole) * 12 / months * 10**6), 10**6) if whole is not None and months else None
    for value in (deal["arr"], deal["acv"], year, deal["amount"]):
        if value is not None:
            return Fraction(value) if value >= 0 else None
    return None


def _find_successors(terms: list[Term], at: Moment) -> None:
    span = timedelta(days=31)
    for term in terms:
        for other in terms:
            if other is term or other.start is None:
                continue
            follows = term.end - span < other.start <= term.end + span and other.end > term.end
            if follows:
                term.successors.append(other)
            if begun(other, at) and (follows or other.start > term.end):
                term.replaced = True
        term.successors.sort(key=lambda one: (one.start, one.connection, one.id))


def _judge(term: Term, account: Row, at: Moment, band: str) -> None:
    left = account["churned_at"] if at.has_come(account["churned_at"]) else None
    term.days = (term.end - at.today).days
    # A term that began after the customer left belongs to a customer who came back.
    term.gone = left is not None and (term.start is None or term.start <= left)
    term.rule, term.status, term.sub = _rules(term, account, at, band, left)


def _rules(term: Term, account: Row, at: Moment, band: str, left: date | None) -> tuple[int, str, str | None]:
    """What has happened beats what a person says, and that beats how things look."""
    happened = _happened(term, left)
    if happened is not None:
        return happened
    opinion = override(account, at)
    if opinion is not None:
        return 1, opinion, "manual"
    return _bad_signs(term, account) or _outlook(term, band)


def _happened(term: Term, left: date | None) -> tuple[int, str, str | None] | None:
    signed = term.last("won") is not None or bool(term.successors)
    left_later = term.gone and left is not None and left > term.end
    if signed and not left_later:
        return 2, "renewed", _size(term)
    if term.auto and term.days < 0 and not term.notice and not term.gone:
        return 2, "renewed", "auto"
    if term.gone or (term.days < 0 and (term.lost or term.days < -30)):
        early = term.gone and left is not None and left < term.end
        sub = "terminated_early" if early or (signed and left_later) else "lost" if term.lost else "lapsed"
        return 3, "churned", sub
    if term.days < 0:
        return 4, "overdue", "in_negotiation" if term.last("open") is not None else "no_deal"
    return None


def _bad_signs(term: Term, account: Row) -> tuple[int, str, str | None] | None:
    forecast = account["renewal_forecast"]
    if term.notice or term.lost or forecast == "churn":
        return 5, "projected_churn", "notice" if term.notice else "deal_lost" if term.lost else "forecast"
    ratio = _ratio(term)
    if term.last("open") is not None and ratio is not None and ratio < Fraction(99, 100):
        return 6, "projected_downsell", _percent(ratio)
    return (6, "projected_downsell", "forecast") if forecast == "downsell" else None


def _outlook(term: Term, band: str) -> tuple[int, str, str | None]:
    is_open = term.last("open") is not None
    unstarted = not is_open and not term.auto
    late = term.days <= 60 and unstarted
    if term.days <= 90 and (band == "red" or late):
        return 7, "at_risk", "both" if band == "red" and late else "health_red" if band == "red" else "not_started"
    if term.days <= 90 and unstarted:
        return 8, "due", "not_started"
    if is_open or term.days <= 90:
        return 9, "on_track", _size(term) if is_open else "auto"
    return 10, "not_due", None


def _ratio(term: Term) -> Fraction | None:
    """What the renewal is worth against what it renews: all the lines of the deal, or the line of a successor."""
    if term.offer is not None and term.offer["annual"] is not None:
        offered, renewed = term.offer["annual"], [one.arr for one in term.renewed_together]
    elif term.successors and term.successors[0].arr is not None:
        offered, renewed = term.successors[0].arr, [term.arr]
    else:
        return None
    known = [arr for arr in renewed if arr is not None]
    whole = sum(known, Decimal(0))
    return Fraction(offered) / Fraction(whole) if len(known) == len(renewed) and whole > 0 else None


def _size(term: Term) -> str:
    ratio = _ratio(term)
    if ratio is None:
        return "amount_unknown"
    return "expansion" if ratio > Fraction(101, 100) else "contraction" if ratio < Fraction(99, 100) else "flat"


def _percent(ratio: Fraction) -> str:
    change = Decimal(round((ratio - 1) * 100 * 10**9)) / 10**9
    return f"{change.quantize(Decimal('0.1'), ROUND_HALF_UP)}%"


def override(account: Row, at: Moment) -> str | None:
    """The status that a person set, while it counts."""
    said = account["renewal_status_override"]
    until = account["override_until"]
    counts = said in SEVERITY and account["override_reason"] is not None and until is not None and until >= at.today
    return str(said) if counts else None


def override_is_incomplete(account: Row, at: Moment) -> bool:
    said, until = account["renewal_status_override"], account["override_until"]
    ended = until is not None and until < at.today
    return said is not None and not ended and override(account, at) is None


def _under_evaluation(terms: list[Term], at: Moment) -> list[Term]:
    """Terms that run or have ended without a successor; a line lost while another one runs is left out."""
    current = [term for term in terms if begun(term, at) and not term.replaced] or terms
    runs_on = any(term.status == "renewed" and not term.gone for term in current)
    running = runs_on or any(term.in_force(at) and term.status != "churned" for term in terms)
    return [term for term in current if not (running and term.status == "churned")]


def _churned_on(term: Term, account: Row) -> date | None:
    if term.status != "churned":
        return None
    if term.gone:
        return date.fromisoformat(str(account["churned_at"]))
    if term.sub == "lost":
        lost = term.last("lost")
        return max(term.end + timedelta(days=1), (lost or {}).get("close_date") or date.min)
    # The day after the grace period; a status that a person set has no day.
    return term.end + timedelta(days=31) if term.rule == 3 else None
