"""The Helm chart: what it makes of values, and which values it refuses. Rendered by Helm too, where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.load import load_settings
from tests.packaging.gotemplate import Chart, TemplateError
from tests.packaging.test_dockerfile import instructions, last_environment

CHART = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "keepwell"
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
META = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
CONFIG = {"timezone": "Europe/Copenhagen", "connections": {"hubspot": {"type": "hubspot"}}}
NEEDED = {"config": CONFIG, "existingSecret": "keepwell-secrets"}
WAYS: dict[str, dict[str, Any]] = {
    "postgresql and dashboard": {
        "storeInSecret": True,
        "dashboard": {**DEFAULTS["dashboard"], "enabled": True},
        "watch": {**DEFAULTS["watch"], "enabled": True},
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "imagePullSecrets": [{"name": "registry"}],
        "podLabels": {"team": "cs"},
        "podAnnotations": {"a": "b"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
    },
    "sqlite on a volume": {
        "persistence": {"enabled": True, "existingClaim": "", "size": "5Gi", "storageClass": "fast"},
        "image": {**DEFAULTS["image"], "digest": "sha256:" + "a" * 64},
        "serviceAccount": {"annotations": {"owner": "ops"}},
    },
}


def values(**given: Any) -> dict[str, Any]:
    chosen: dict[str, Any] = deepcopy(DEFAULTS) | deepcopy(NEEDED) | deepcopy(given)
    return chosen


def rendered(**given: Any) -> dict[str, dict[str, Any]]:
    """Kind/name → manifest."""
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir())}
    root = {
        "Values": values(**given),
        "Release": {"Name": "kw", "Namespace": "crm", "Service": "Helm"},
        "Chart": {"AppVersion": META["appVersion"]},
    }
    made = Chart(files).render(root)
    assert "kw" in made.pop("NOTES.txt")
    return manifests("\n---\n".join(made.values()))


def manifests(text: str) -> dict[str, dict[str, Any]]:
    found = [one for one in yaml.safe_load_all(text) if one]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


def pods(made: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Every pod that the manifests start."""
    found = []
    for one in made.values():
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found.append(spec["template"])
    return found


@pytest.mark.parametrize("way", WAYS)
def test_every_pod_runs_as_nobody_on_a_root_that_it_cannot_write(way: str) -> None:
    made = pods(rendered(**WAYS[way]))
    assert len(made) == (3 if "dashboard" in way else 1)
    for pod in made:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001, "the user of the image"
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        volumes = {one["name"] for one in spec["volumes"]}
        assert {one["name"] for one in container["volumeMounts"]} == volumes
        writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
        assert writable == {"/data", "/tmp"}  # noqa: S108 - of the pod


def test_secrets_are_files_and_never_variables_or_configuration() -> None:
    made = rendered(**WAYS["postgresql and dashboard"])
    for pod in pods(made):
        (container,) = pod["spec"]["containers"]
        assert all("valueFrom" not in one for one in container["env"])
        given = {one["name"]: one.get("value") for one in container["env"]}
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert given["KEEPWELL_SECRETS_DIR"] == mounted["secrets"]
        assert mounted["secrets"].startswith("/run/secrets/"), "elsewhere Keepwell refuses files that a group may read"
    assert yaml.safe_load(made["ConfigMap/kw"]["data"]["keepwell.yaml"]) == CONFIG


@pytest.mark.parametrize(
    ("way", "secret", "store"),
    [
        ({"storeInSecret": True}, "postgresql://keepwell:hidden-word@db/keepwell", "postgresql://keepwell:hidden-word@db/keepwell"),
        ({"config": {**CONFIG, "store": "postgresql://keepwell@db/keepwell"}}, None, "postgresql://keepwell@db/keepwell"),
        (WAYS["sqlite on a volume"], None, "sqlite:///keepwell.db"),
    ],
)  # fmt: skip
def test_a_run_in_the_image_has_the_store_that_was_meant(
    tmp_path: Path, way: dict[str, Any], secret: str | None, store: str
) -> None:
    made = rendered(**way)
    secrets, config = tmp_path / "secrets", tmp_path / "keepwell.yaml"
    secrets.mkdir(mode=0o700)
    config.write_text(made["ConfigMap/kw"]["data"]["keepwell.yaml"])
    for name, text in {"CONNECTIONS__HUBSPOT__ACCESS_TOKEN": "a-token-of-hubspot", "STORE": secret}.items():
        if text is not None:
            (secrets / f"KEEPWELL_{name}").write_text(text)
            (secrets / f"KEEPWELL_{name}").chmod(0o600)
    (container,) = pods(made)[0]["spec"]["containers"]
    environment = last_environment() | {one["name"]: one["value"] for one in container["env"]}
    settings = load_settings(config, environment | {"KEEPWELL_SECRETS_DIR": str(secrets)})
    assert dict(instructions())["WORKDIR"] == "/data", "where the default is, on the volume"
    assert settings.store == store, "one that is empty each time takes every value in the CRM for somebody else's"


def test_runs_never_overlap_and_are_not_repeated_when_they_said_how_they_ended() -> None:
    job = rendered(**WAYS["postgresql and dashboard"])["CronJob/kw"]["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["schedule"] == DEFAULTS["schedule"]
    spec = job["jobTemplate"]["spec"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never", "a pod failure policy needs it"
    rules = {rule["action"]: rule for rule in spec["podFailurePolicy"]["rules"]}
    assert rules["FailJob"]["onExitCodes"]["values"] == [1, 2, 3, 5, 6, 75]
    assert spec["template"]["spec"]["containers"][0]["args"] == ["sync", "--yes"]


def test_the_watch_has_a_schedule_of_its_own_and_goes_on_while_runs_are_suspended() -> None:
    made = rendered(**WAYS["postgresql and dashboard"], suspend=True)
    run, watch = made["CronJob/kw"]["spec"], made["CronJob/kw-watch"]["spec"]
    assert (run["suspend"], watch.get("suspend", False)) == (True, False)
    assert watch["schedule"] == DEFAULTS["watch"]["schedule"] != run["schedule"]
    template = watch["jobTemplate"]["spec"]["template"]
    assert template["spec"]["containers"][0]["args"] == ["notify", "send", "--max-age", "26h"]
    assert template["metadata"]["labels"]["app.kubernetes.io/component"] == "watch"
    assert "CronJob/kw-watch" not in rendered(**WAYS["sqlite on a volume"])


def test_the_dashboard_is_reached_at_the_port_that_it_serves_and_is_probed() -> None:
    made = rendered(**WAYS["postgresql and dashboard"])
    pod, service = made["Deployment/kw-dashboard"]["spec"]["template"], made["Service/kw-dashboard"]["spec"]
    (container,) = pod["spec"]["containers"]
    assert container["args"] == ["serve", "--host", "0.0.0.0", "--port", "8400"]  # noqa: S104 - of the pod
    assert container["ports"] == [{"name": "http", "containerPort": 8400}]
    assert service["ports"][0]["targetPort"] == "http"
    assert service["selector"].items() <= pod["metadata"]["labels"].items()
    assert all(container[f"{kind}Probe"]["httpGet"]["port"] == "http" for kind in ("startup", "readiness", "liveness"))
    assert "Deployment/kw-dashboard" not in rendered(**WAYS["sqlite on a volume"])


def test_a_volume_is_made_unless_there_is_one_and_an_image_can_be_pinned() -> None:
    made = rendered(**WAYS["sqlite on a volume"])
    assert made["PersistentVolumeClaim/kw"]["spec"]["storageClassName"] == "fast"
    (pod,) = pods(made)
    assert pod["spec"]["containers"][0]["image"] == "keepwell@sha256:" + "a" * 64
    own = rendered(persistence={"enabled": True, "existingClaim": "mine", "size": "1Gi", "storageClass": ""})
    assert "PersistentVolumeClaim/kw" not in own
    claims = [one["persistentVolumeClaim"] for one in pods(own)[0]["spec"]["volumes"] if one["name"] == "data"]
    assert claims == [{"claimName": "mine"}]


def test_a_store_that_would_vanish_with_its_pod_is_refused() -> None:
    with pytest.raises(TemplateError, match="Say where the store is"):
        rendered()
    assert "CronJob/kw" in rendered(config={**CONFIG, "store": "postgresql://keepwell@db/keepwell"})
    with pytest.raises(TemplateError, match="needs PostgreSQL"):
        rendered(persistence={"enabled": True}, dashboard={"enabled": True})
    with pytest.raises(TemplateError, match="needs PostgreSQL"):
        rendered(persistence={"enabled": True}, watch={"enabled": True})


def test_the_schema_knows_every_value_and_no_other() -> None:
    def compare(schema: dict[str, Any], given: dict[str, Any], where: str) -> None:
        if schema.get("additionalProperties") is not False:
            return
        assert set(schema["properties"]) - {"global"} == set(given), where
        for name, one in given.items():
            if isinstance(one, dict):
                compare(schema["properties"][name], one, f"{where}.{name}")

    compare(SCHEMA, DEFAULTS, "values")
    assert set(SCHEMA["required"]) <= set(DEFAULTS)


def test_the_chart_is_of_this_version() -> None:
    import tomllib

    project = tomllib.loads((CHART.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert META["appVersion"] == META["version"] == project["version"]


@pytest.mark.parametrize("way", WAYS)
def test_helm_renders_the_same(way: str, tmp_path: Path) -> None:
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("helm is not installed; the chart was rendered by gotemplate.py")
    given = tmp_path / "values.yaml"
    given.write_text(yaml.safe_dump(NEEDED | WAYS[way]))
    subprocess.run([helm, "lint", "--strict", str(CHART), "--values", str(given)], check=True)
    made = subprocess.run(
        [helm, "template", "kw", str(CHART), "--namespace", "crm", "--values", str(given)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert manifests(made.stdout) == rendered(**WAYS[way])
