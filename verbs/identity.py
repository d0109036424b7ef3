"""Commands about which records are one account.

Annotations are evaluated here (no `from __future__ import annotations`) because Typer reads them.
"""

from pathlib import Path

from dashboard import options as opt
from dashboard.answers import Answer, group
from verbs.base import app, run_deps, verb

identity_app = group("Which records are one account.", app, "identity")


@verb(identity_app, "list", example="keepwell identity list --all")
def identity_list(config: Path, everything: opt.DecidedToo = False) -> Answer:
    """List what a person has to decide about who is who.

    Records of several CRMs, or of one, that may be the same company.
    """
    from dashboard.identities import show_reviews
    from sync.identities import listed

    with run_deps(config, create=False) as deps:
        data = listed(deps, everything=everything)
    return Answer(data, lambda out: show_reviews(out, data))


@verb(identity_app, "link", example="keepwell identity link hubspot:4711 salesforce:001Qy00000AbCdEIAV")
def identity_link(records: opt.Records, config: Path, reason: opt.Reason = "") -> Answer:
    """Decide that records are one account.

    It counts from the next run on, against every rule, until it is taken back.
    """
    from dashboard.identities import show_decided
    from sync.identities import link

    with run_deps(config, create=False) as deps:
        data = link(deps, records, reason)
    return Answer(data, lambda out: show_decided(out, data))


@verb(identity_app, "split", example='keepwell identity split hubspot:4711 --reason "a reseller, not the customer"')
def identity_split(records: opt.Records, config: Path, reason: opt.Reason = "") -> Answer:
    """Decide that a record is an account of its own.

    Whatever its domain or an id says. Of several records each is one.
    """
    from dashboard.identities import show_decided
    from sync.identities import split

    with run_deps(config, create=False) as deps:
        data = split(deps, records, reason)
    return Answer(data, lambda out: show_decided(out, data))


@verb(identity_app, "forget", example="keepwell identity forget hubspot:4711")
def identity_forget(decided: opt.Decisions, config: Path) -> Answer:
    """Take decisions back.

    By the id of a decision, or by a record: then all that are about it.
    """
    from dashboard.identities import show_decided
    from sync.identities import forget

    with run_deps(config, create=False) as deps:
        data = forget(deps, decided)
    return Answer(data, lambda out: show_decided(out, data))
