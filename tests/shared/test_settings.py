"""Settings: file, variables, and what is refused."""

import orjson
import pytest
from pydantic import ValidationError

from services.ingester.settings import Settings as IngesterSettings
from services.spotfinder.settings import Settings as SpotfinderSettings
from shared.settings import ServiceSettings


@pytest.fixture
def settings_file(tmp_path, monkeypatch):
    def write(**content):
        (tmp_path / "settings.json").write_bytes(orjson.dumps(content))
        monkeypatch.setenv("MXMESH_SETTINGS", str(tmp_path / "settings.json"))

    return write


def test_a_variable_overrides_the_file(settings_file, monkeypatch):
    settings_file(beamline="i04", broker={"url": "stomp://file:1", "user": "mesh"})
    monkeypatch.setenv("MXMESH_BROKER_URL", "stomp://variable:1")
    settings = ServiceSettings.load()
    assert (settings.beamline, settings.broker.url, settings.broker.user) == ("i04", "stomp://variable:1", "mesh")


@pytest.mark.parametrize("wrong", [{"beemline": "i03"}, {"broker": {"uri": "x"}}, {"mode": "loud"}])
def test_a_misspelt_key_or_a_wrong_value_stops_the_service(settings_file, wrong):
    settings_file(**wrong)
    with pytest.raises(ValidationError):
        ServiceSettings.load()


def test_a_missing_settings_file_is_named(monkeypatch):
    monkeypatch.setenv("MXMESH_SETTINGS", "/nowhere/settings.json")
    with pytest.raises(FileNotFoundError, match="/nowhere/settings.json"):
        ServiceSettings.load()


def test_shadow_mode_and_prefix_reach_the_topology(settings_file):
    settings_file(mode="shadow", broker={"prefix": "i03."})
    topology = ServiceSettings.load().topology
    assert topology.shadow
    assert topology.queue("x") == "/queue/i03.x"


@pytest.mark.parametrize("kind", [ServiceSettings, IngesterSettings, SpotfinderSettings])
def test_every_setting_is_described(kind):
    assert all(field.description for field in kind.model_fields.values())


def test_a_password_is_not_printed(settings_file):
    settings_file(broker={"password": "secret-word"})
    assert "secret-word" not in repr(ServiceSettings.load())
