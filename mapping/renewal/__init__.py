"""Renewal: terms of contracts, the deals that renew them, a status for each, one status per account."""

from mapping.renewal.engine import Renewals, renew

__all__ = ["Renewals", "renew"]
