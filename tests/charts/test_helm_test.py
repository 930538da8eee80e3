"""`helm test`: its pod calls a command that exists, with options that it has, and sees what the mesh sees."""

import orjson
import pytest
from typer.main import get_command

from cli.__main__ import app
from tests.charts.chart import CASES, of_kind, pod_specs, render, values_of

every_case = pytest.mark.parametrize("case", CASES)


def container(case):
    (only,) = pod_specs(render(case, CASES[case]))[f"Pod/{case}-test"]["containers"]
    return only


def options(case):
    """What the command makes of its arguments; refused ones raise."""
    words = [*container(case)["command"], *container(case)["args"]]
    assert words[:4] == ["python", "-m", "cli", "check"]
    return get_command(app).get_command(None, "check").make_context("check", words[4:]).params


@every_case
def test_the_command_knows_its_options(case):
    asked = options(case)
    assert asked["wait_s"] == 120
    host, port = asked["page_url"].removeprefix("http://").split(":")
    service = of_kind(render(case, CASES[case]), "Service")[host]
    assert int(port) in {each["port"] for each in service["spec"]["ports"]}


@every_case
def test_it_writes_where_the_ingester_expects_data_and_on_a_volume_that_others_mount(case):
    root = str(options(case)["data_root"])
    pods = pod_specs(render(case, CASES[case]))
    (ingester,) = pods[f"Deployment/{case}-ingester"]["containers"]

    def places(of):
        above = [mount for mount in of["volumeMounts"] if f"{root}/".startswith(f"{mount['mountPath']}/")]
        return {mount["mountPath"]: mount["name"] for mount in above}

    assert places(container(case))
    assert places(container(case)) == places(ingester)
    for name in places(ingester).values():
        sources = [
            [volume for volume in pods[owner]["volumes"] if volume["name"] == name]
            for owner in (f"Pod/{case}-test", f"Deployment/{case}-ingester")
        ]
        assert sources[0] == sources[1]


@every_case
def test_it_speaks_to_the_broker_that_the_services_speak_to(case):
    told = {variable["name"]: variable.get("value") for variable in container(case)["env"]}
    settings = of_kind(render(case, CASES[case]), "ConfigMap")[f"{case}-writer"]["data"]["settings.json"]
    broker = orjson.loads(settings)["broker"]
    assert (told["MXMESH_BROKER_URL"], told["MXMESH_BROKER_PREFIX"]) == (broker["url"], broker["prefix"])
    assert {"MXMESH_BROKER_USER", "MXMESH_BROKER_PASSWORD"} <= set(told)


def test_helm_runs_it_only_when_asked():
    pod = of_kind(render("i03", values_of("i03")), "Pod")["i03-test"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["activeDeadlineSeconds"] > 120
