"""Credentials for the Salesforce sandbox: a key pair made at start, and the org's one app and user."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette

from sandbox.clock import Clock
from sandbox.world.model import World

if TYPE_CHECKING:
    from sandbox.salesforce.options import SalesforceOptions
    from sandbox.salesforce.state import SalesforceState

_KEY_FILE = "salesforce-private-key.pem"


@dataclass(frozen=True, slots=True)
class SalesforceAccess:
    """What a client needs for the JWT, client credentials and password flows."""

    consumer_key: str
    consumer_secret: str
    username: str
    password: str
    security_token: str
    private_key_file: str

    def as_json(self) -> dict[str, Any]:
        """Return the credentials as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SalesforceOrg:
    """An org that is ready to be served."""

    app: Starlette
    state: SalesforceState
    access: SalesforceAccess


def start_salesforce(world: World, options: SalesforceOptions | None, folder: Path, clock: Clock) -> SalesforceOrg:
    """Build the org of a world; its first app gets the process's public key, the private one goes into `folder`.

    Options that bring a clock of their own keep it.
    """
    from sandbox.salesforce.app import create_app
    from sandbox.salesforce.options import SalesforceOptions, wall_clock
    from sandbox.salesforce.state import SalesforceState

    key = _key()
    key_file = _write_private(folder / _KEY_FILE, key)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    chosen = options or SalesforceOptions()
    app, *others = chosen.apps
    app = replace(app, public_key_pem=public.decode())
    own = chosen.clock is not wall_clock
    chosen = replace(chosen, apps=(app, *others), clock=chosen.clock if own else clock.instant)
    login = chosen.logins[0]
    state = SalesforceState.from_world(world, chosen)
    access = SalesforceAccess(app.consumer_key, app.consumer_secret, login.username, login.password,
                              login.security_token, str(key_file))  # fmt: skip
    return SalesforceOrg(create_app(state), state, access)


@cache
def _key() -> rsa.RSAPrivateKey:
    """One a process: finding two primes takes longer than building a small org."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def _write_private(path: Path, key: rsa.RSAPrivateKey) -> Path:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.unlink(missing_ok=True)
    # Created with its final mode: at no moment can others read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return path.resolve()
