"""STOMP frames to bytes and back."""

import pytest
from hypothesis import given, strategies as st

from shared.stomp.wire import Frame, Parser, WireError, encode

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
awkward = st.sampled_from(["", ":", "\n", "\r", "\\", "\\n", "\\\\c", "a:b\\c\nd\r", " x ", "Ångström", "\r\n"])
headers = st.dictionaries(texts.filter(bool) | st.just("key:with\ncolon"), texts | awkward, max_size=5)
bodies = st.binary(max_size=50) | st.sampled_from([b"", b"\0", b"\n\n\0\0", b"MESSAGE\n\n\0"])
frames = st.builds(
    lambda command, headers, body: Frame(command, headers | {"content-length": str(len(body))}, body),
    st.sampled_from(["MESSAGE", "SEND", "ERROR", "RECEIPT"]),
    headers.map(lambda found: {key: value for key, value in found.items() if key != "content-length"}),
    bodies,
)


def pieces(data: bytes, sizes: list[int]):
    while data:
        size = sizes.pop() if sizes else len(data)
        yield data[:size]
        data = data[size:]


@given(
    st.lists(frames, max_size=5), st.lists(st.integers(1, 40), max_size=30), st.sampled_from([b"", b"\n", b"\r\n\n"])
)
def test_frames_survive_any_way_of_cutting_the_stream(sent, sizes, heartbeat):
    stream = b"".join(heartbeat + encode(*frame) for frame in sent)
    parser = Parser()

    received = [frame for piece in pieces(stream, sizes) for frame in parser.feed(piece)]

    assert received == sent


@given(headers, st.integers(1, 9))
def test_a_frame_without_content_length_ends_at_its_nul(sent, size):
    sent.pop("content-length", None)
    stream = encode("MESSAGE", sent, b"body") + encode("RECEIPT", {"receipt-id": "1"})
    parser = Parser()

    received = [frame for start in range(0, len(stream), size) for frame in parser.feed(stream[start : start + size])]

    assert received == [Frame("MESSAGE", sent, b"body"), Frame("RECEIPT", {"receipt-id": "1"}, b"")]


def test_lines_may_end_with_cr_lf():
    assert Parser().feed(b"CONNECTED\r\nversion:1.2\r\nserver:ActiveMQ/6\r\n\r\n\0") == [
        Frame("CONNECTED", {"version": "1.2", "server": "ActiveMQ/6"})
    ]


def test_the_first_of_a_repeated_header_holds():
    assert Parser().feed(b"MESSAGE\nfoo:1\nfoo:2\n\n\0")[0].headers == {"foo": "1"}


def test_an_unknown_escape_stays_as_it_is():
    assert Parser().feed(b"MESSAGE\npath:C\\temp\\\\x\n\n\0")[0].headers == {"path": r"C\temp\x"}


def test_login_headers_are_not_escaped():
    assert b"passcode:pa:ss\\\n" in encode("CONNECT", {"passcode": "pa:ss\\"})


@pytest.mark.parametrize(
    ("command", "header"),
    [("SEND", {"a": "x\0y"}), ("CONNECT", {"login": "x\ny"}), ("CONNECT", {"log:in": "x"}), ("SEND", {"a\0": "x"})],
)
def test_headers_that_stomp_cannot_carry_are_refused(command, header):
    with pytest.raises(WireError, match="cannot carry"):
        encode(command, header)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"HTTP/1.1 400 Bad Request\n\n",
        b"MESSAGE\nno colon\n\n\0",
        b"MESSAGE\ncontent-length:many\n\n\0",
        b"MESSAGE\ncontent-length:2\n\nlonger\0",
        b"MESSAGE\na:\xff\n\n\0",
    ],
)
def test_what_is_not_stomp_is_refused(rubbish):
    parser = Parser()
    with pytest.raises(WireError):
        parser.feed(rubbish + b"\n\n\0")


def test_a_large_body_arrives_in_small_pieces():
    body = bytes(range(256)) * 4096
    parser = Parser()
    stream = encode("MESSAGE", {"content-length": str(len(body))}, body)

    received = [frame for piece in pieces(stream, [1460] * 800) for frame in parser.feed(piece)]

    assert [frame.body for frame in received] == [body]
