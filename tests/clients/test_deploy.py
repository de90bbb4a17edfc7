"""What deploy/ has for KServe, against the SDK's own descriptions of its resources; and its unit, as systemd reads it."""

import json
import shutil
import subprocess

import pytest

kserve = pytest.importorskip("kserve")
yaml = pytest.importorskip("yaml")
from kserve import models  # noqa: E402
from kubernetes import client as kubernetes  # noqa: E402

from conftest import BINARY, ROOT  # noqa: E402

KINDS = {
    "ServingRuntime": (models.V1alpha1ServingRuntime, "serving.kserve.io/v1alpha1"),
    "InferenceService": (models.V1beta1InferenceService, "serving.kserve.io/v1beta1"),
}


def find(kind):
    return getattr(models, kind, None) or getattr(kubernetes, kind)


def check(value, kind, where):
    """Every key is one of the resource's, and every value is of its kind."""
    # The two packages write them differently.
    kind = kind.replace("List[", "list[").replace("Dict", "dict").replace("dict[", "dict(")
    if kind.startswith("list["):
        assert isinstance(value, list), where
        for index, each in enumerate(value):
            check(each, kind[5:-1], f"{where}[{index}]")
    elif kind.startswith("dict("):
        assert isinstance(value, dict), where
    elif kind in ("str", "int", "bool", "float"):
        assert type(value).__name__ == kind, f"{where}: {value!r} is no {kind}"
    elif kind not in ("object", "datetime") and hasattr(find(kind), "openapi_types"):
        described = find(kind)
        names = {key: attribute for attribute, key in described.attribute_map.items()}
        assert isinstance(value, dict), where
        for key, each in value.items():
            assert key in names, f"{where}.{key}: {kind} has no such field"
            check(each, described.openapi_types[names[key]], f"{where}.{key}")
        # What has to be there is asked for by the constructor.
        described(**{names[key]: each for key, each in value.items()})


def test_the_resources_are_kserves():
    resources = list(yaml.safe_load_all((ROOT / "deploy/kserve.yaml").read_text()))
    assert [resource["kind"] for resource in resources] == list(KINDS)
    for resource in resources:
        described, version = KINDS[resource["kind"]]
        assert resource["apiVersion"] == version
        check(resource, described.__name__, resource["kind"])
    # The check can fail.
    wrong = json.loads(json.dumps(resources[0]))
    wrong["spec"]["containers"][0]["port"] = []
    with pytest.raises(AssertionError, match="port: .*has no such field"):
        check(wrong, "V1alpha1ServingRuntime", "wrong")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing")
def test_the_unit_is_systemds(tmp_path):
    unit = tmp_path / "yolo10-burn.service"
    unit.write_text((ROOT / "deploy/yolo10-burn.service").read_text().replace("/usr/bin/yolo10-burn", BINARY))
    # Its manual page is installed with the package.
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
