"""Broker addresses."""

from pathlib import Path

import pytest

from shared.stomp.address import Address, AddressError, Brokers, parse


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("stomp://broker:61613", Address("broker", 61613)),
        ("stomp://broker", Address("broker", 61613)),
        ("stomp+nio://broker", Address("broker", 61613)),
        ("stomp://[::1]:1", Address("::1", 1)),
        ("stomp+ssl://broker", Address("broker", 61614, tls=True)),
        ("stomp+nio+ssl://broker:1/", Address("broker", 1, tls=True)),
        ("stomp+ssl://broker?cafile=/etc/ca.pem", Address("broker", 61614, tls=True, cafile=Path("/etc/ca.pem"))),
        ("stomp+ssl://broker?verify=false", Address("broker", 61614, tls=True, verify=False)),
    ],
)
def test_one_broker(url, address):
    assert parse(url) == Brokers((address,))


@pytest.mark.parametrize(
    "url",
    [
        "failover:(stomp://a:1,stomp+ssl://b:2?verify=false)?randomize=true",
        "failover://(stomp://a:1, stomp+ssl://b:2?verify=false)?randomize=true",
    ],
)
def test_a_failover_list(url):
    assert parse(url) == Brokers((Address("a", 1), Address("b", 2, tls=True, verify=False)), randomize=True)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("broker:61613", "unknown kind"),
        ("", "unknown kind"),
        ("http://broker", "unknown kind"),
        ("stomp://", "no host"),
        ("stomp://broker/queue", "after the port"),
        ("stomp://broker:port", "not a port"),
        ("stomp://broker:99999", "not a port"),
        ("stomp://user:secret@broker", "settings of their own"),
        ("stomp://broker?cafile=/x", "unknown option cafile"),
        ("stomp+ssl://broker?verify=maybe", "true or false"),
        ("failover:stomp://a,stomp://b", "brackets"),
        ("failover:(stomp://a,)", "unknown kind"),
        ("failover:(stomp://a)?jitter=1", "unknown option jitter"),
    ],
)
def test_what_is_no_address_says_why(url, complaint):
    with pytest.raises(AddressError, match=complaint):
        parse(url)


def test_an_address_prints_as_one():
    assert [str(a) for a in parse("failover:(stomp://a,stomp+ssl://[::1]:2)").addresses] == [
        "stomp://a:61613",
        "stomp+ssl://[::1]:2",
    ]
