"""Settings reach the services: rendered by helm, read back by the services' own classes, equal to the values."""

import os
from pathlib import Path

import pytest
import yaml

from cli.chart.services import KINDS
from cli.chart.values import Root
from shared.topology import SERVICES, Topology
from tests.charts.chart import CASES, FULL, of_kind, pod_specs, render, values_of

every_case = pytest.mark.parametrize("case", CASES)
every_service = pytest.mark.parametrize("name", SERVICES)
PASSWORD, DATABASE = "a password", "postgresql+asyncpg://me:hidden@db/mx"
SECRETS = {"user": "mesh", "password": PASSWORD, "url": DATABASE, "ingester": DATABASE}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Settings of one service as its container would read them."""

    def load(manifests, release, name):
        text = of_kind(manifests, "ConfigMap")[f"{release}-{name}"]["data"]["settings.json"]
        (tmp_path / "settings.json").write_text(text)
        (container,) = pod_specs(manifests)[f"Deployment/{release}-{name}"]["containers"]
        for variable in [variable for variable in os.environ if variable.startswith("MXMESH_")]:
            monkeypatch.delenv(variable)
        for variable in container["env"]:
            key = variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key")
            monkeypatch.setenv(variable["name"], SECRETS[key] if key else variable["value"])
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert {each["name"]: each.get("value") for each in container["env"]}["MXMESH_SETTINGS"] == mounted["settings"]
        monkeypatch.setenv("MXMESH_SETTINGS", str(tmp_path / "settings.json"))
        return KINDS[name].load()

    return load


def said(case):
    return yaml.safe_load(CASES[case].read_text())


def is_part(wanted, has):
    """Whether all that was asked for is there; tuples and lists, numbers and texts of them are the same."""
    if isinstance(wanted, dict):
        return all(
            is_part(each, has[key] if isinstance(has, dict) else getattr(has, key)) for key, each in wanted.items()
        )
    if isinstance(wanted, list):
        return len(wanted) == len(has) and all(map(is_part, wanted, has))
    return wanted == has or str(wanted) == str(has)


@every_case
@every_service
def test_a_service_reads_what_the_values_say(load, case, name):
    settings = load(render(case, CASES[case]), case, name)
    values = Root.model_validate(said(case))
    assert (settings.beamline, settings.mode) == (values.beamline, values.mode)
    assert settings.broker.prefix == f"{values.beamline}."
    assert settings.broker.user == "mesh"
    assert settings.broker.password.get_secret_value() == PASSWORD
    asked = said(case).get("services", {}).get(name, {}).get("settings", {})
    assert is_part(asked, settings)


@every_case
def test_data_roots_are_the_same_for_all_who_check_paths(load, case):
    manifests = render(case, CASES[case])
    roots = tuple(map(Path, said(case)["data"]["roots"]))
    assert load(manifests, case, "ingester").data_roots == roots
    assert load(manifests, case, "launcher").data_roots == roots


@every_case
@every_service
def test_probes_and_page_are_where_the_pod_says(load, case, name):
    manifests = render(case, CASES[case])
    settings = load(manifests, case, name)
    (container,) = pod_specs(manifests)[f"Deployment/{case}-{name}"]["containers"]
    (port,) = (port["containerPort"] for port in container["ports"])
    host, number = ("page_host", "page_port") if name == "aggregator" else ("probe_host", "probe_port")
    assert (getattr(settings, host), getattr(settings, number)) == ("0.0.0.0", port)  # noqa: S104 - in a pod


@every_case
def test_files_are_on_the_services_own_volume(load, case):
    manifests = render(case, CASES[case])
    for name in ("ingester", "writer", "aggregator"):
        elsewhere = "database" in said(case).get("services", {}).get(name, {})
        expected = DATABASE if elsewhere else f"sqlite+aiosqlite:////state/{name}.sqlite"
        assert load(manifests, case, name).database_url == expected
    assert load(manifests, case, "launcher").state_directory == Path("/state/launcher")


def test_a_database_elsewhere_comes_from_a_secret_and_needs_no_volume(load):
    manifests = render("i03", values_of("i03"))
    assert load(manifests, "i03", "writer").database_url == DATABASE
    assert "i03-writer" not in of_kind(manifests, "PersistentVolumeClaim")


def test_a_variable_may_come_from_a_secret(load):
    assert load(render("full", FULL), "full", "ingester").zocalo.ispyb_url == DATABASE


def test_the_aggregator_asks_the_releases_own_broker_how_it_is_with_the_login_of_the_services(load):
    monitor = load(render("full", FULL), "full", "aggregator").monitor
    assert (monitor.url, monitor.user) == ("http://full-activemq:8161/api/jolokia", None)
    assert load(render("i04", values_of("i04")), "i04", "aggregator").monitor.url is None


def test_jolokia_may_have_an_address_and_a_secret_of_its_own(load):
    monitor = load(render("i03", values_of("i03")), "i03", "aggregator").monitor
    assert monitor.url.startswith("http://activemq-1.example.org:8161/")
    assert (monitor.user, monitor.password.get_secret_value()) == ("mesh", PASSWORD)
    sets = (
        "services.aggregator.settings.monitor.url=http://other:8161",
        "services.aggregator.settings.monitor.heap_percent=60",
    )
    own = load(render("full", FULL, sets=sets), "full", "aggregator").monitor
    assert (own.url, own.heap_percent) == ("http://other:8161", 60)


def test_jobs_run_in_the_namespace_of_the_release_as_its_user_and_see_its_volumes(load):
    jobs = load(render("full", FULL, namespace="elsewhere"), "full", "launcher").kubernetes
    assert jobs.namespace == "elsewhere"
    assert jobs.image == "mxmesh/mxmesh-dials:0.1.0"
    assert (jobs.run_as_user, jobs.run_as_group, jobs.supplemental_groups) == (65532, 65532, (1, 2))
    assert [(str(volume.path), volume.claim, volume.sub_path) for volume in jobs.volumes] == [
        ("/dls", "dls", "visits"),
        ("/scratch/i04-1", "scratch", None),
    ]


def test_the_slurm_token_is_where_the_launcher_looks(load):
    manifests = render("i04", values_of("i04"))
    token_file = load(manifests, "i04", "launcher").slurm.token_file
    (container,) = pod_specs(manifests)["Deployment/i04-launcher"]["containers"]
    assert str(token_file.parent) in {mount["mountPath"] for mount in container["volumeMounts"]}


@every_case
def test_no_password_is_in_a_configmap_or_among_plain_variables(case):
    manifests = render(case, CASES[case])
    for name, each in of_kind(manifests, "ConfigMap").items():
        settings = yaml.safe_load(each["data"].get("settings.json", "{}"))
        assert not {"user", "password"} & set(settings.get("broker", {})), name
    for owner, pod in pod_specs(manifests).items():
        for variable in pod["containers"][0].get("env", []):
            assert "PASSWORD" not in variable["name"] or "value" not in variable, owner


def test_the_login_may_come_from_a_store_of_secrets():
    secret = of_kind(render("full", FULL), "ExternalSecret")["activemq"]["spec"]
    assert secret["secretStoreRef"] == {"name": "vault", "kind": "ClusterSecretStore"}
    assert secret["target"] == {"name": "activemq"}
    entries = {each["secretKey"]: each["remoteRef"] for each in secret["data"]}
    assert entries == {key: {"key": "mx/activemq", "property": key} for key in ("user", "password")}


def test_a_change_of_settings_starts_pods_anew(load):
    def annotations(*sets):
        deployments = of_kind(render("i03", values_of("i03"), sets=sets), "Deployment")
        return {name: each["spec"]["template"]["metadata"]["annotations"] for name, each in deployments.items()}

    before, after = annotations(), annotations("services.writer.settings.deadline_s=20")
    assert {name for name in before if before[name] != after[name]} == {"i03-writer"}


def test_two_releases_share_a_namespace_and_a_broker():
    """Equal names would be one object; equal queues would be one beamline's messages read by another."""
    first, second = render("i03", values_of("i03")), render("i04", values_of("i04"))

    def names(manifests):
        return {(each["kind"], each["metadata"]["name"]) for each in manifests}

    assert not names(first) & names(second)
    queues = [set(_queues(Topology(prefix=f"{beamline}."))) for beamline in ("i03", "i04")]
    assert not queues[0] & queues[1]


def test_two_releases_of_one_beamline_need_a_prefix_of_their_own(load):
    again = render("trial", values_of("i03"), sets=("broker.prefix=trial.", "mode=shadow"))
    assert load(again, "trial", "writer").broker.prefix == "trial."


def _queues(topology):
    for name in SERVICES:
        for message in topology.spoken_by(name):
            yield from topology.inboxes(message)
    yield topology.queue("data-collection")
