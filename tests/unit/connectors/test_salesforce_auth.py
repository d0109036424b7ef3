"""Login flows, and what each documented refusal tells the user to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.errors import BadAnswer, ConfigError, CredentialsError, RetryLater, Unreachable
from tests.unit.connectors.salesforce_kit import DATA, ORIGIN, TOKEN_URL, client, let_log_in

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any = RSA_KEY) -> str:
    """A private key as PEM text."""
    return str(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )


def jwt_auth(**changes: Any) -> dict[str, Any]:
    """Settings of the JWT flow."""
    return {"flow": "jwt", "consumer_key": "key-of-app", "username": "o'neil&co@example.com", **changes}


def form(call: responses.Call) -> dict[str, str]:
    """The form that a login sent."""
    return {key: values[0] for key, values in parse_qs(str(call.request.body)).items()}


def refused(error: str, description: str | None = None, status: int = 400, **changes: Any) -> CredentialsError:
    """The error of a login that Salesforce refuses."""
    with responses.RequestsMock() as mock:
        body = {"error": error} | ({"error_description": description} if description else {})
        mock.post(TOKEN_URL, json=body, status=status)
        with pytest.raises(CredentialsError) as caught:
            client(**changes).get("limits")
    return caught.value


@responses.activate
def test_client_credentials_go_in_the_header() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", json={"DailyApiRequests": {"Max": 1}})
    assert client().get("limits")
    login, data = responses.calls
    assert form(login) == {"grant_type": "client_credentials"}
    assert login.request.headers["Authorization"].startswith("Basic ")
    assert data.request.headers["Authorization"] == "Bearer 00Dxx0000001gPL!AQ.first"


@responses.activate
def test_password_flow_is_oauth_with_the_security_token_appended() -> None:
    let_log_in(responses.mock)
    responses.get(f"{DATA}/limits", json={"x": 1})
    auth = {
        "flow": "password",
        "consumer_key": "key-of-app",
        "consumer_secret": "secret-of-app",
        "username": "a&b@example.com",
        "password": "p<ss'word",
        "security_token": "TOKEN",
    }
    client(auth=auth).get("limits")
    sent = form(responses.calls[0])
    assert sent["grant_type"] == "password"
    assert (sent["username"], sent["password"]) == ("a&b@example.com", "p<ss'wordTOKEN")


@pytest.mark.parametrize(
    ("audience", "login_url", "expected"),
    [
        (None, ORIGIN, "https://login.salesforce.com"),
        (None, "https://acme--uat.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("test", ORIGIN, "https://test.salesforce.com"),
    ],
)
def test_jwt_is_signed_for_the_right_audience(
    tmp_path: Path, audience: str | None, login_url: str, expected: str
) -> None:
    key_file = tmp_path / "key.pem"
    key_file.write_text(pem())
    with responses.RequestsMock() as mock:
        mock.post(f"{login_url}/services/oauth2/token", json={"access_token": "00D!xyz.secret", "instance_url": ORIGIN})
        mock.get(f"{DATA}/limits", json={"x": 1})
        auth = jwt_auth(private_key_file=str(key_file), audience=audience)
        client(auth=auth, login_url=login_url).get("limits")
        assertion = form(mock.calls[0])["assertion"]
    claims = jwt.decode(assertion, RSA_KEY.public_key(), algorithms=["RS256"], audience=expected)
    assert claims["iss"] == "key-of-app"
    assert claims["sub"] == "o'neil&co@example.com"


@responses.activate
def test_a_raw_token_is_used_as_it_is_and_not_renewed() -> None:
    auth = {"flow": "token", "access_token": "00Dxx!raw.token", "instance_url": ORIGIN}
    body = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
    responses.get(f"{DATA}/limits", json=body, status=401)
    with pytest.raises(CredentialsError, match="cannot be renewed"):
        client(auth=auth, login_url="https://login.salesforce.com").get("limits")
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    ("error", "description", "cure"),
    [
        ("invalid_grant", "user hasn't approved this consumer", "pre-authorise"),
        ("invalid_grant", "audience is invalid", "auth.audience"),
        ("invalid_grant", "Audience validation failed", "auth.audience"),
        ("invalid_grant", "expired authorization code", "clock"),
        ("invalid_grant", "expired access/refresh token", "Approve the app"),
        ("invalid_grant", "authentication failure", "security token"),
        ("invalid_grant", "user is locked", "Unlock"),
        ("invalid_grant", "request not supported on this domain", "My Domain"),
        ("invalid_grant", "no client credentials user enabled", "Run As"),
        ("invalid_grant", "no valid scopes defined", "scope"),
        ("invalid_client_id", "client identifier invalid", "consumer_key"),
        ("invalid_client", "invalid client credentials", "consumer_secret"),
        ("something_new", "of which nobody has heard", "login history"),
    ],
)
def test_each_refusal_says_what_to_do(error: str, description: str, cure: str) -> None:
    caught = refused(error, description)
    assert description in caught.message
    assert cure in caught.hint


def test_a_refusal_without_description_is_told_as_it_is() -> None:
    assert "invalid_client" in refused("invalid_client").message


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "<html>Please log in</html>", BadAnswer),
        (404, "<html>not here</html>", BadAnswer),
        (200, '{"access_token": "00D!abc.def"}', BadAnswer),
        (200, '{"instance_url": "https://acme.my.salesforce.com"}', BadAnswer),
        (503, "<html>maintenance</html>", RetryLater),
    ],
)
def test_a_login_address_that_is_not_salesforce_is_named(status: int, body: str, expected: type[Exception]) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(TOKEN_URL, body=body, status=status)
        with pytest.raises(expected) as caught:
            client().send("PATCH", "sobjects/Account/x", json={})
    assert not getattr(caught.value, "sent", True), "a write whose login failed was surely not done"


@responses.activate
def test_an_unreachable_login_is_unreachable() -> None:
    from urllib3.exceptions import NewConnectionError

    refusal = NewConnectionError(None, "refused")  # type: ignore[arg-type]
    responses.post(TOKEN_URL, body=requests.ConnectionError(refusal))
    with pytest.raises(Unreachable, match="Logging in"):
        client().send("PATCH", "sobjects/Account/x", json={})


@pytest.mark.parametrize(
    "instance", ["https://salesforce.com.evil.example", "https://evil.example", "http://127.0.0.1:1", "https://a b"]
)
@responses.activate
def test_a_token_never_goes_to_an_instance_that_was_not_checked(instance: str) -> None:
    let_log_in(responses.mock, instance=instance)
    with pytest.raises(ConfigError):
        client().get("limits")
    assert len(responses.calls) == 1


@pytest.mark.parametrize("instance", [f"{ORIGIN}/", "https://ACME.my.Salesforce.com", "acme.my.salesforce.com"])
@responses.activate
def test_an_instance_is_the_same_however_it_is_written(instance: str) -> None:
    let_log_in(responses.mock, instance=instance)
    responses.get(f"{DATA}/limits", json={"x": 1})
    assert client().get("limits") == {"x": 1}


@responses.activate
def test_a_raw_token_may_come_with_an_instance_in_capitals_and_a_slash() -> None:
    auth = {"flow": "token", "access_token": "00Dxx!raw.token", "instance_url": " https://ACME.my.salesforce.com/ "}
    responses.get(f"{DATA}/limits", json={"x": 1})
    assert client(auth=auth).get("limits") == {"x": 1}


@responses.activate
def test_redirects_of_the_login_are_not_followed() -> None:
    responses.post(TOKEN_URL, status=302, headers={"Location": "https://evil.example/token"})
    with pytest.raises(BadAnswer):
        client().send("PATCH", "x", json={})
    assert len(responses.calls) == 1


def test_an_unreadable_key_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        client(auth=jwt_auth(private_key_file=str(tmp_path / "absent.pem"))).get("limits")
    for name, text in {"text.pem": "not a key", "ec.pem": pem(ec.generate_private_key(ec.SECP256R1()))}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError, match=r"PEM private key|RSA"):
            client(auth=jwt_auth(private_key_file=str(tmp_path / name))).get("limits")
    (tmp_path / "binary.pem").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="private_key_file"):
        client(auth=jwt_auth(private_key_file=str(tmp_path / "binary.pem"))).get("limits")


@responses.activate
def test_secrets_stay_out_of_errors() -> None:
    responses.post(TOKEN_URL, json={"error": "invalid_client", "error_description": "bad secret-of-app"}, status=400)
    with pytest.raises(CredentialsError) as caught:
        client().get("limits")
    assert "secret-of-app" not in str(caught.value)
