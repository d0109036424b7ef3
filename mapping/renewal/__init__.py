"""Renewal: terms of contracts, the deals that renew them, a status for each, one status per account."""

from mapping.renewal.engine import Renewals, renew
from mapping.renewal.terms import signed_contract

__all__ = ["Renewals", "renew", "signed_contract"]
