"""Logging in to the Salesforce sandbox, staying logged in, and the quota."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.salesforce.options import INTEGRATION_USERNAME, ConnectedApp, Login
from tests.sandbox.salesforce_org import RAW_TOKEN, START, MakeOrg, Org, serving

TOKEN = "/services/oauth2/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
APP = ConnectedApp()


@functools.cache
def key_pair(number: int = 0) -> tuple[str, str]:
    """Return (private, public) PEM texts; another number gives another pair."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture(scope="module")
def make() -> Iterator[MakeOrg]:
    with serving() as maker:
        yield maker


@pytest.fixture
def org(make: MakeOrg) -> Org:
    return make(accounts=20, apps=(ConnectedApp(public_key_pem=key_pair()[1]),))


def login(org: Org, **form: str) -> requests.Response:
    return org.call("POST", TOKEN, token=None, data=form)


def assertion(key: str, **changes: Any) -> str:
    claims = {
        "iss": APP.consumer_key,
        "sub": INTEGRATION_USERNAME,
        "aud": "https://login.salesforce.com",
        "exp": int(START.timestamp()) + 170,
    }
    return jwt.encode({**claims, **changes}, key, algorithm="RS256")


def jwt_login(org: Org, key: str, **changes: Any) -> requests.Response:
    return login(org, grant_type=JWT_BEARER, assertion=assertion(key, **changes))


def test_a_signed_assertion_opens_a_session(org: Org) -> None:
    body = jwt_login(org, key_pair()[0]).json()
    assert body["token_type"] == "Bearer"
    assert body["instance_url"] == org.url
    assert body["issued_at"] == str(int(START.timestamp() * 1000))
    assert "expires_in" not in body
    assert org.call("GET", "/sobjects", token=body["access_token"]).status_code == 200


def test_exp_may_be_text_and_the_audience_the_sandbox_itself(org: Org) -> None:
    exp = str(int(START.timestamp()) + 180)
    assert jwt_login(org, key_pair()[0], exp=exp, aud=org.url).status_code == 200
    assert jwt_login(org, key_pair()[0], aud="https://test.salesforce.com").status_code == 200


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"exp": int(START.timestamp()) - 60}, "expired authorization code"),
        ({"exp": int(START.timestamp()) + 3600}, "assertion expires too far in the future"),
        ({"aud": "https://example.com"}, "audience is invalid"),
        ({"sub": "stranger@example.com"}, "user hasn't approved this consumer"),
    ],
)
def test_wrong_claims_are_refused(org: Org, changes: dict[str, Any], description: str) -> None:
    refused = jwt_login(org, key_pair()[0], **changes)
    assert refused.status_code == 400
    assert refused.json() == {"error": "invalid_grant", "error_description": description}


def test_a_foreign_signature_is_refused(org: Org) -> None:
    assert jwt_login(org, key_pair(1)[0]).json()["error"] == "invalid_grant"
    unsigned = jwt.encode({"iss": APP.consumer_key}, "", algorithm="none")
    assert login(org, grant_type=JWT_BEARER, assertion=unsigned).json()["error"] == "invalid_grant"
    assert login(org, grant_type=JWT_BEARER, assertion="rubbish").json()["error"] == "invalid_grant"
    assert jwt_login(org, key_pair()[0], iss="unknown").json()["error"] == "invalid_client_id"


def test_client_credentials_by_body_or_by_basic_header(org: Org) -> None:
    by_body = login(org, grant_type="client_credentials", client_id=APP.consumer_key, client_secret=APP.consumer_secret)
    by_header = org.call(
        "POST", TOKEN, None, data={"grant_type": "client_credentials"}, auth=(APP.consumer_key, APP.consumer_secret)
    )
    assert by_body.status_code == by_header.status_code == 200
    assert by_body.json()["access_token"] != by_header.json()["access_token"]


def test_client_credentials_are_refused_where_the_vendor_refuses_them(make: MakeOrg) -> None:
    org = make(accounts=1, apps=(APP, ConnectedApp("other", "secret", run_as=None)))
    form = {"grant_type": "client_credentials", "client_id": APP.consumer_key, "client_secret": APP.consumer_secret}
    at_login = org.call("POST", TOKEN, None, data=form, headers={"Host": "login.salesforce.com"})
    assert at_login.json()["error_description"] == "request not supported on this domain"
    assert login(org, **{**form, "client_secret": "no"}).json()["error"] == "invalid_client"
    assert login(org, **{**form, "client_id": "no"}).json()["error"] == "invalid_client_id"
    without_user = login(org, grant_type="client_credentials", client_id="other", client_secret="secret")
    assert without_user.json()["error_description"] == "no client credentials user enabled"
    assert login(org, grant_type="magic").json()["error"] == "unsupported_grant_type"


def test_the_password_grant_wants_the_security_token(org: Org) -> None:
    known = Login()
    form = {"client_id": APP.consumer_key, "client_secret": APP.consumer_secret, "username": known.username}
    good = login(org, grant_type="password", password=known.password + known.security_token, **form)
    bad = login(org, grant_type="password", password=known.password, **form)
    assert good.status_code == 200
    assert bad.json() == {"error": "invalid_grant", "error_description": "authentication failure"}


def soap(org: Org, version: str, password: str) -> requests.Response:
    body = f"<x><n1:username>{INTEGRATION_USERNAME}</n1:username><n1:password>{password}</n1:password></x>"
    return org.call("POST", f"/services/Soap/u/{version}", None, data=body)


def test_soap_login_works_up_to_version_64(org: Org) -> None:
    secret = Login().password + Login().security_token
    good = soap(org, "64.0", secret)
    assert good.status_code == 200
    assert "<sessionSecondsValid>7200</sessionSecondsValid>" in good.text
    assert "INVALID_LOGIN" in soap(org, "64.0", "wrong").text
    late = soap(org, "65.0", secret)
    assert late.status_code == 500
    assert "UNSUPPORTED_API_VERSION" in late.text


def test_a_session_ends(org: Org) -> None:
    token = jwt_login(org, key_pair()[0]).json()["access_token"]
    org.clock.pass_by(hours=1, minutes=59)
    assert org.call("GET", "/limits", token=token).status_code == 200
    org.clock.pass_by(minutes=2)
    ended = org.call("GET", "/limits", token=token)
    assert ended.status_code == 401
    assert ended.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert org.call("GET", "/limits", token=None).status_code == 401


def test_a_bad_session_is_not_an_expired_one(org: Org) -> None:
    org.post("/_sandbox/sessions", {"action": "spoil"})
    (error,) = org.get("/limits").json()
    assert error["message"] == "This session is not valid for use with the REST API"


def test_the_token_answer_can_name_another_instance(make: MakeOrg) -> None:
    org = make(accounts=1, instance_url="https://acme.my.salesforce.com")
    form = {"grant_type": "client_credentials", "client_id": APP.consumer_key, "client_secret": APP.consumer_secret}
    assert login(org, **form).json()["instance_url"] == "https://acme.my.salesforce.com"


def test_every_call_counts_except_the_version_list(org: Org) -> None:
    assert org.get("/sobjects").headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    versions = org.call("GET", "/services/data", token=None)
    assert "Sforce-Limit-Info" not in versions.headers
    assert [entry["version"] for entry in versions.json()] == [f"{number}.0" for number in range(58, 68)]
    limits = org.get("/limits")
    assert limits.headers["Sforce-Limit-Info"] == "api-usage=2/100000"
    assert limits.json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_998}


def test_the_daily_limit_is_a_403_without_retry_after(make: MakeOrg) -> None:
    org = make(accounts=1, daily_limit=2, show_bursts=True)
    first = org.get("/limits")
    assert first.headers["Sforce-Limit-Info"].startswith("api-usage=1/2; api-bursts=")
    org.get("/limits")
    refused = org.get("/limits")
    assert refused.status_code == 403
    assert refused.json() == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    assert "Retry-After" not in refused.headers
    org.clock.pass_by(hours=24, minutes=1)
    assert org.get("/limits").status_code == 200


def test_other_versions_and_addresses_are_refused(org: Org) -> None:
    assert org.get("/services/data/v30.0/limits").status_code == 410
    assert org.get("/services/data/v99.0/limits").status_code == 404
    assert org.get("/nowhere").json()[0]["errorCode"] == "NOT_FOUND"
    assert org.post("/query", {}).json()[0]["errorCode"] == "METHOD_NOT_ALLOWED"


def test_identity_of_the_session(org: Org) -> None:
    info = org.get("/services/oauth2/userinfo").json()
    assert info["preferred_username"] == INTEGRATION_USERNAME
    assert info["user_id"] == org.me()
    assert org.get("/services/oauth2/revoke", token=RAW_TOKEN).status_code == 200
    assert org.get("/limits").status_code == 401
