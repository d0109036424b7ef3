"""Ways into the tenant: the access key, its list of addresses, machine-to-machine tokens, and the limits."""

from __future__ import annotations

import base64

import pytest
import requests

from sandbox.gainsight.options import ACCESS_KEY, OAuthPair
from tests.sandbox.gainsight_tenant import COMPANY, Tenant, refused, tenant
from tests.sandbox.hubspot_portal import START

TOKEN = "/v1/users/m2m/oauth/token"
PAIR = OAuthPair()


def log_in(gs: Tenant, secret: str = PAIR.client_secret, grant: str = "client_credentials") -> requests.Response:
    basic = base64.b64encode(f"{PAIR.client_id}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    return gs.call("POST", TOKEN, key=None, headers=headers, data={"grant_type": grant})


def with_token(gs: Tenant, token: str, key: str | None = None) -> requests.Response:
    return gs.call("POST", f"{COMPANY[:-8]}/query/Company", key=key, json={"select": ["Gsid"], "limit": 1},
                   headers={"Authorization": f"Bearer {token}"})  # fmt: skip


def test_the_access_key_opens_whatever_its_header_is_called_in_capitals() -> None:
    with tenant() as gs:
        for name in ("accesskey", "AccessKey", "Accesskey"):
            answer = gs.call("GET", "/v1/meta/services/objects/list", key=None, headers={name: ACCESS_KEY})
            assert answer.json()["result"] is True


@pytest.mark.parametrize(
    ("status", "code"), [(401, "GS_APIG_2401"), (400, "GSOBJ_1024")], ids=["gateway", "invalid headers"]
)
def test_a_wrong_key_or_none_is_refused(status: int, code: str) -> None:
    with tenant(unauthorized_status=status) as gs:
        for key in ("wrong", None, ""):
            assert refused(gs.call("POST", COMPANY, key=key, json={"records": [{"Name": "x"}]})) == (status, code)
        assert gs.journal() == []


def test_a_new_key_ends_the_old_one_at_once() -> None:
    with tenant() as gs:
        assert gs.query("Company", "Gsid").status_code == 200
        new = gs.control("key")["access_key"]
        assert refused(gs.query("Company", "Gsid")) == (401, "GS_APIG_2401")
        assert gs.call("GET", "/v1/meta/services/objects/list", key=new).status_code == 200


def test_the_list_of_addresses_binds_the_key_and_not_the_token() -> None:
    with tenant(allowed_ips=("192.0.2.1",)) as gs:
        assert refused(gs.query("Company", "Gsid")) == (403, "GS_APIG_2402")
        assert with_token(gs, log_in(gs).json()["access_token"]).status_code == 200
        gs.control("allow_list", {"ips": ["127.0.0.1"]})
        assert gs.query("Company", "Gsid").status_code == 200
        gs.control("allow_list", {"ips": None})
        assert gs.query("Company", "Gsid").status_code == 200


def test_a_token_lives_a_day_and_is_refused_beside_a_key() -> None:
    with tenant() as gs:
        answer = log_in(gs).json()
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 86_400)
        token = answer["access_token"]
        gs.clock.pass_by(86_399)
        assert with_token(gs, token).status_code == 200
        assert refused(with_token(gs, token, key=ACCESS_KEY)) == (400, "GSOBJ_1024")
        gs.clock.pass_by(2)
        assert refused(with_token(gs, token)) == (401, "GS_APIG_2401")


def test_a_token_can_end_before_its_time_and_a_secret_can_change() -> None:
    with tenant() as gs:
        token = log_in(gs).json()["access_token"]
        assert gs.control("expire") == {"expired": 1}
        assert refused(with_token(gs, token)) == (401, "GS_APIG_2401")
        gs.control("key", {"secret": "another"})
        assert refused(log_in(gs)) == (401, "GS_APIG_2401")
        assert log_in(gs, "another").status_code == 200
        assert refused(log_in(gs, "another", grant="password")) == (401, "GS_APIG_2401")


@pytest.mark.parametrize("header", ["Basic", "Basic §", "Basic bm8=", "Bearer bm8gb25lOnNlY3JldA==", ""])
def test_a_login_that_cannot_be_read_is_refused(untouched: Tenant, header: str) -> None:
    told = untouched.call("POST", TOKEN, key=None, headers={"Authorization": header.encode()}, data={"grant_type": "x"})
    assert refused(told) == (401, "GS_APIG_2401")


def test_a_minute_admits_a_hundred_calls_and_begins_on_the_minute() -> None:
    with tenant(per_minute=100) as gs:
        gs.clock.now = START // 60 * 60 + 59.0
        statuses = [gs.query("Company", "Gsid", limit=1).status_code for _ in range(101)]
        assert statuses == [200] * 100 + [429]
        assert gs.query("Company", "Gsid").json() | {"requestId": ""} == {
            "result": False, "errorCode": "GU_2400", "errorDesc": "Too many request", "requestId": "", "data": None,
            "message": None,
        }  # fmt: skip
        gs.clock.pass_by(1)
        assert gs.query("Company", "Gsid").status_code == 200
        assert "retry-after" not in gs.query("Company", "Gsid").headers


def test_a_day_ends_at_midnight_and_others_spend_it_too() -> None:
    with tenant(per_day=50_000) as gs:
        gs.control("spend", {"day": 49_999})
        assert gs.query("Company", "Gsid").status_code == 200
        gs.clock.pass_by(600)
        assert refused(gs.query("Company", "Gsid")) == (429, "GU_2400")
        gs.clock.pass_by(86_400)
        assert gs.query("Company", "Gsid").status_code == 200


def test_refused_keys_and_refused_calls_use_nothing_up() -> None:
    with tenant(per_minute=2) as gs:
        for _ in range(5):
            gs.call("POST", COMPANY, key="wrong", json={})
        assert [gs.query("Company", "Gsid").status_code for _ in range(4)] == [200, 200, 429, 429]
        gs.clock.pass_by(60)
        assert gs.query("Company", "Gsid").status_code == 200
