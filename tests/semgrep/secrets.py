import hmac

import typer

from dashboard.logs import log_event


def told(secret):
    # ruleid: secret-told
    print(f"token {secret.get_secret_value()}")
    # ruleid: secret-told
    log_event("call.made", error=secret.get_secret_value())
    # ruleid: secret-told
    raise ValueError(f"{secret.get_secret_value()} was refused")


def not_told(secret, send):
    # ok: secret-told
    send(secret.get_secret_value())
    # ok: secret-told
    print("the token was refused")


def compared(secret, given):
    # ruleid: secret-compared-in-steps
    if secret.get_secret_value() == given:
        return True
    # ruleid: secret-compared-in-steps
    if hmac.new(b"k", b"m", "sha256").hexdigest() == given:
        return True
    # ok: secret-compared-in-steps
    return hmac.compare_digest(secret.get_secret_value(), given)


# ruleid: secret-in-the-arguments
TOKEN = typer.Option("--access-token", help="Token.")
# ok: secret-in-the-arguments
FILE = typer.Option("--out", help="File.")
