"""The cases of the Autobahn test suite against `/mcp/echo`, by their numbers: groups 1 to 7 and 10 whole, 9, 12 and 13 with
fewer messages. Stricter than the suite: what it lets pass as informational or by a dropped connection must be right here.
The suite itself: Tests/Autobahn/run."""

import json
import random

import pytest
from autobahn import (
    FRAMES, INVALID_PAYLOAD, NORMAL, OCTETS, ONCE, PROTOCOL_ERROR, Frame, Fuzzer, fragments,
)
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

HELLO = b"Hello, world!"
KOSME = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    import gateway as gateways
    with gateways.Gateway(tmp_path_factory.mktemp("echo"), {"debug": True}) as own:
        yield own.ws


def text(payload, **bits):
    return Frame(TEXT, payload, **bits)


def close_frame(code, reason=b""):
    return Frame(CLOSE, code.to_bytes(2, "big") + reason)


def check(echo, frames, expected, how=ONCE, chop=None):
    """Sends `frames`; `expected` ends with the close that the server begins, or else ours is added."""
    with Fuzzer(echo) as wire:
        wire.play(frames, how, chop)
        if expected and expected[-1][0] == "close":
            assert wire.rest() == [*expected, ("end",)]
        else:
            for event in expected:
                assert wire.next() == event
            wire.finish()


def failing(*before, code=PROTOCOL_ERROR):
    return [*before, ("close", code)]


# 1: framing

@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("opcode, byte", [(TEXT, b"*"), (BINARY, b"\xfe")], ids=["1.1", "1.2"])
def test_case_1(echo, opcode, byte, number):
    size = [0, 125, 126, 127, 128, 65535, 65536, 65536][number - 1]
    with Fuzzer(echo) as wire:
        wire.play([Frame(opcode, byte * size)], chop=997 if number == 8 else None)
        wire.echoes(opcode, byte * size)
        wire.finish()


# 2: pings and pongs

TEN = [f"payload-{n}".encode() for n in range(10)]
CASES_2 = {
    "2.1": ([Frame(PING)], [("pong", b"")], ONCE),
    "2.2": ([Frame(PING, b"Hello, world!")], [("pong", b"Hello, world!")], ONCE),
    "2.3": ([Frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")], [("pong", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")], ONCE),
    "2.4": ([Frame(PING, b"\xfe" * 125)], [("pong", b"\xfe" * 125)], ONCE),
    "2.5": ([Frame(PING, b"\xfe" * 126)], failing(), ONCE),
    "2.6": ([Frame(PING, b"\xfe" * 125)], [("pong", b"\xfe" * 125)], OCTETS),
    "2.7": ([Frame(PONG)], [], ONCE),
    "2.8": ([Frame(PONG, b"unsolicited pong payload")], [], ONCE),
    "2.9": ([Frame(PONG, b"unsolicited pong payload"), Frame(PING, b"ping payload")], [("pong", b"ping payload")], ONCE),
    "2.10": ([Frame(PING, one) for one in TEN], [("pong", one) for one in TEN], ONCE),
    "2.11": ([Frame(PING, one) for one in TEN], [("pong", one) for one in TEN], OCTETS),
}

# 3: reserved bits; 4: opcodes

ECHOED = ("text", HELLO)
CASES_3_4 = {
    "3.1": ([text(HELLO, reserved=1)], failing(), ONCE),
    "3.2": ([text(HELLO), text(HELLO, reserved=2), Frame(PING)], failing(ECHOED), ONCE),
    "3.3": ([text(HELLO), text(HELLO, reserved=3), Frame(PING)], failing(ECHOED), FRAMES),
    "3.4": ([text(HELLO), text(HELLO, reserved=4), Frame(PING)], failing(ECHOED), OCTETS),
    "3.5": ([Frame(BINARY, b"\x00\xff\xfe", reserved=5)], failing(), ONCE),
    "3.6": ([Frame(PING, HELLO, reserved=6)], failing(), ONCE),
    "3.7": ([Frame(CLOSE, reserved=7)], failing(), ONCE),
}
for _at, _opcodes in (("4.1", range(3, 8)), ("4.2", range(11, 16))):
    _first, _second, _third, _fourth, _fifth = _opcodes
    CASES_3_4 |= {
        f"{_at}.1": ([Frame(_first)], failing(), ONCE),
        f"{_at}.2": ([Frame(_second, b"reserved opcode payload")], failing(), ONCE),
        f"{_at}.3": ([text(HELLO), Frame(_third), Frame(PING)], failing(ECHOED), ONCE),
        f"{_at}.4": ([text(HELLO), Frame(_fourth, HELLO), Frame(PING)], failing(ECHOED), ONCE),
        f"{_at}.5": ([text(HELLO), Frame(_fifth, HELLO), Frame(PING)], failing(ECHOED), OCTETS),
    }

# 5: fragmentation

ONE, TWO, THREE = b"fragment1", b"fragment2", b"fragment3"


def begin(payload):
    return Frame(TEXT, payload, final=False)


def more(payload, final=False):
    return Frame(CONTINUATION, payload, final)


def in_every_way(first, frames, expected):
    return {f"5.{first + at}": (frames, expected, how) for at, how in enumerate((ONCE, FRAMES, OCTETS))}


WHOLE = ("text", ONE + TWO)
CASES_5 = {
    "5.1": ([Frame(PING, ONE, final=False), more(TWO, True)], failing(), ONCE),
    "5.2": ([Frame(PONG, ONE, final=False), more(TWO, True)], failing(), ONCE),
    **in_every_way(3, [begin(ONE), more(TWO, True)], [WHOLE]),
    **in_every_way(6, [begin(ONE), Frame(PING, b"ping payload"), more(TWO, True)], [("pong", b"ping payload"), WHOLE]),
    **in_every_way(9, [more(b"non-continuation payload", True), text(HELLO)], failing()),
    **in_every_way(12, [more(b"non-continuation payload"), text(HELLO)], failing()),
    "5.15": ([begin(ONE), more(TWO, True), more(THREE), text(b"fragment4")], failing(WHOLE), ONCE),
    "5.16": ([more(ONE), begin(TWO), more(THREE, True)] * 2, failing(), ONCE),
    "5.17": ([more(ONE, True), begin(TWO), more(THREE, True)] * 2, failing(), ONCE),
    "5.18": ([begin(ONE), text(TWO)], failing(), ONCE),
}

TABLE = CASES_2 | CASES_3_4 | CASES_5


@pytest.mark.parametrize("case", TABLE)
def test_case(echo, case):
    check(echo, *TABLE[case])


@pytest.mark.parametrize("how", [ONCE, FRAMES], ids=["5.19", "5.20"])
def test_case_5_fragments_that_wait_for_a_pong(echo, how):
    with Fuzzer(echo) as wire:
        wire.play([begin(b"fragment1"), more(b"fragment2"), Frame(PING, b"pongme 1!")], how)
        assert wire.next() == ("pong", b"pongme 1!")
        wire.play([more(b"fragment3"), more(b"fragment4"), Frame(PING, b"pongme 2!"), more(b"fragment5", True)], how)
        assert wire.next() == ("pong", b"pongme 2!")
        assert wire.next() == ("text", b"fragment1fragment2fragment3fragment4fragment5")
        wire.finish()


# 6: UTF-8

UMLAUTS = "Hello-µ@ßöäüàá-UTF-8!!".encode()
SURROGATE = KOSME + b"\xed\xa0\x80edited"
BEYOND = KOSME + b"\xf4\x90\x80\x80edited"
BAD_TEXT = failing(code=INVALID_PAYLOAD)
CASES_6 = {
    "6.1.1": ([text(b"")], [("text", b"")]),
    "6.1.2": ([begin(b""), more(b""), more(b"", True)], [("text", b"")]),
    "6.1.3": ([begin(b""), more(b"middle frame payload"), more(b"", True)], [("text", b"middle frame payload")]),
    "6.2.1": ([text(UMLAUTS)], [("text", UMLAUTS)]),
    "6.2.2": ([begin(UMLAUTS[:15]), more(UMLAUTS[15:], True)], [("text", UMLAUTS)]),
    "6.2.3": (fragments(TEXT, UMLAUTS, 1), [("text", UMLAUTS)]),
    "6.2.4": (fragments(TEXT, KOSME, 1), [("text", KOSME)]),
    "6.3.1": ([text(SURROGATE)], BAD_TEXT),
    "6.3.2": (fragments(TEXT, SURROGATE, 1), BAD_TEXT),
}

# From Markus Kuhn's UTF-8 decoder capability and stress test, by the suite's numbers.
CUT = [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80",
       b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]
NONCHARACTERS = [chr(plane << 16 | low).encode() for plane in range(17) for low in (0xFFFE, 0xFFFF)]
SEQUENCES = {
    5: ["hello$world".encode(), "hello¢world".encode(), "hello€world".encode(), "hello\U00024b62world".encode(), KOSME],
    6: [KOSME[:end] for end in range(1, len(KOSME) + 1)],
    7: [b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    8: [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    9: [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    10: [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
    11: [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"],
    12: [b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf", b"\x80\xbf\x80\xbf\x80",
         b"\x80\xbf\x80\xbf\x80\xbf", bytes(range(0x80, 0xBF))],
    13: [b" ".join(bytes([one]) for one in range(low, high)) + b" "
         for low, high in ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))],
    14: CUT,
    15: [b"".join(CUT)],
    16: [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
    17: [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"],
    18: [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"],
    19: [b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"],
    20: [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"],
    21: [high + low for high in (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf")
         for low in (b"\xed\xb0\x80", b"\xed\xbf\xbf")],
    22: NONCHARACTERS,
    23: [b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb", b"\xef\xbf\xbc", b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xef\xbf\xbf"],
}


def is_text(payload):
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


for _group, _payloads in SEQUENCES.items():
    for _number, _payload in enumerate(_payloads, 1):
        CASES_6[f"6.{_group}.{_number}"] = (
            [text(_payload)], [("text", _payload)] if is_text(_payload) else BAD_TEXT)


@pytest.mark.parametrize("case", CASES_6)
def test_case_6(echo, case):
    check(echo, *CASES_6[case])


@pytest.mark.parametrize("first, second", [(11, 15), (12, 13)], ids=["6.4.1", "6.4.2"])
def test_case_6_4_fails_fast_between_fragments(echo, first, second):
    with Fuzzer(echo) as wire:
        wire.play([begin(BEYOND[:first]), Frame(PING, b"still there?")])
        assert wire.next() == ("pong", b"still there?")
        # The rest never comes: what is here is wrong already.
        wire.play([more(BEYOND[first:second])])
        assert wire.rest() == [("close", INVALID_PAYLOAD), ("end",)]


@pytest.mark.parametrize("first, second", [(11, 15), (12, 13)], ids=["6.4.3", "6.4.4"])
def test_case_6_4_fails_fast_within_a_frame(echo, first, second):
    data = text(BEYOND).encoded()
    head = len(data) - len(BEYOND)
    with Fuzzer(echo) as wire:
        wire.send(data[:head + first])
        assert wire.is_silent()
        wire.send(data[head + first:head + second])
        assert wire.rest() == [("close", INVALID_PAYLOAD), ("end",)]


# 7: closing

CLOSED = [("close", NORMAL)]
CASES_7 = {
    "7.1.1": ([text(HELLO), close_frame(NORMAL)], [ECHOED, *CLOSED]),
    "7.1.2": ([close_frame(NORMAL), Frame(CLOSE)], CLOSED),
    "7.1.3": ([close_frame(NORMAL), Frame(PING)], CLOSED),
    "7.1.4": ([close_frame(NORMAL), text(HELLO)], CLOSED),
    "7.1.5": ([begin(ONE), close_frame(NORMAL), more(TWO, True)], CLOSED),
    "7.1.6": ([text(b"BAsd7&jh23" * 26_214), text(HELLO), close_frame(NORMAL), Frame(PING)],
              [("text", b"BAsd7&jh23" * 26_214), ECHOED, *CLOSED]),
    "7.3.1": ([Frame(CLOSE)], CLOSED),
    "7.3.2": ([Frame(CLOSE, b"a")], failing()),
    "7.3.3": ([close_frame(NORMAL)], CLOSED),
    "7.3.4": ([close_frame(NORMAL, b"Hello World!")], CLOSED),
    "7.3.5": ([close_frame(NORMAL, b"*" * 123)], CLOSED),
    "7.3.6": ([close_frame(NORMAL, b"*" * 124)], failing()),
    "7.5.1": ([close_frame(NORMAL, SURROGATE)], BAD_TEXT),
    **{f"7.7.{number}": ([close_frame(code)], [("close", code)]) for number, code in enumerate(
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999], 1)},
    **{f"7.9.{number}": ([close_frame(code)], failing()) for number, code in enumerate(
        [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999], 1)},
    "7.13.1": ([close_frame(5000)], failing()),
    "7.13.2": ([close_frame(65535)], failing()),
}


@pytest.mark.parametrize("case", CASES_7)
def test_case_7(echo, case):
    check(echo, *CASES_7[case])


# 9: limits; 10: fragments that the client's library makes

def swap(echo, opcode, frames, payload, chop=None):
    with Fuzzer(echo) as wire:
        wire.play(frames, chop=chop)
        wire.echoes(opcode, payload)
        wire.finish()


KINDS = pytest.mark.parametrize("opcode, byte", [(TEXT, b"*"), (BINARY, b"\xfe")], ids=["text", "binary"])


@KINDS
@pytest.mark.parametrize("size", [1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 23, 1 << 24])
def test_case_9_1_and_9_2_large_messages(echo, opcode, byte, size):
    swap(echo, opcode, [Frame(opcode, byte * size)], byte * size)


@KINDS
@pytest.mark.parametrize("size", [1 << power for power in range(6, 23, 2)])
def test_case_9_3_and_9_4_four_mebibytes_in_fragments(echo, opcode, byte, size):
    payload = byte * (1 << 22)
    # The suite's library ends with an empty fragment.
    frames = fragments(opcode, payload, size)
    frames[-1] = frames[-1]._replace(final=False)
    swap(echo, opcode, [*frames, more(b"", True)], payload)


@KINDS
@pytest.mark.parametrize("chop", [64, 128, 256, 512, 1024, 2048])
def test_case_9_5_and_9_6_a_mebibyte_in_pieces(echo, opcode, byte, chop):
    payload = byte * (1 << 20)
    swap(echo, opcode, [Frame(opcode, payload)], payload, chop)


@KINDS
@pytest.mark.parametrize("size", [0, 16, 64, 256, 1024, 4096])
def test_case_9_7_and_9_8_there_and_back(echo, opcode, byte, size):
    with Fuzzer(echo) as wire:
        for _ in range(200):
            wire.play([Frame(opcode, byte * size)])
            wire.echoes(opcode, byte * size)
        wire.finish()


def test_case_10_1_1(echo):
    swap(echo, TEXT, fragments(TEXT, b"*" * 65536, 1300), b"*" * 65536)


# 12: compressed payloads of several kinds; 13: every way of negotiating

SIZES = [(size, 0) for size in (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)]
SIZES += [(size, 256) for size in (8192, 16384, 32768, 65536, 131072)]
SIZES += [(131072, size) for size in (1024, 4096, 32768)]
WORDS = ("the gateway keeps a log of messages for each client and a connection is a cursor over it "
         "Faust Habe nun ach Philosophie Juristerei und Medizin").split()


def json_text(source):
    return json.dumps([{"id": source.getrandbits(64), "name": source.choice(WORDS), "price": source.random(),
                        "tags": source.choices(WORDS, k=3)} for _ in range(2000)]).encode()


def bitmap(source):
    row = [source.randrange(256) for _ in range(512)]
    rows = []
    for _ in range(400):
        row = [(value + source.choice((-1, 0, 0, 1))) % 256 for value in row]
        rows.append(bytes(row))
    return b"".join(rows)


def prose(source):
    return " ".join(source.choices(WORDS, k=40_000)).encode()


def page(source):
    cells = (f'<td class="cell"><a href="/{source.getrandbits(32):x}">{source.choice(WORDS)}</a></td>' for _ in range(4000))
    return ("<html><table><tr>" + "</tr>\n<tr>".join(cells) + "</tr></table></html>").encode()


def document(source):
    return b"".join(b"%d 0 obj\nstream\n" % n + source.randbytes(3000) + b"\nendstream\n" for n in range(60))


DATA = {"12.1": (TEXT, json_text), "12.2": (BINARY, bitmap), "12.3": (BINARY, prose), "12.4": (BINARY, page),
        "12.5": (BINARY, document)}
NO_CONTEXT, WINDOW = "server_no_context_takeover", "server_max_window_bits"
OFFERS = {
    "13.1": ["permessage-deflate; client_max_window_bits"],
    "13.2": [f"permessage-deflate; client_max_window_bits; {NO_CONTEXT}"],
    "13.3": [f"permessage-deflate; client_max_window_bits; {WINDOW}=9"],
    "13.4": [f"permessage-deflate; client_max_window_bits; {WINDOW}=15"],
    "13.5": [f"permessage-deflate; client_max_window_bits; {NO_CONTEXT}; {WINDOW}=9"],
    "13.6": [f"permessage-deflate; client_max_window_bits; {NO_CONTEXT}; {WINDOW}=15"],
    "13.7": [f"permessage-deflate; client_max_window_bits; {NO_CONTEXT}; {WINDOW}=9",
             f"permessage-deflate; client_max_window_bits; {NO_CONTEXT}", "permessage-deflate; client_max_window_bits"],
}


def exchange_compressed(echo, offers, opcode, make, size, fragment):
    source = random.Random(size * 7 + fragment)
    data = make(source)
    with Fuzzer(echo, ", ".join(offers)) as wire:
        assert wire.extension, "permessage-deflate was offered properly"
        wanted = next((part.partition("=")[2] for part in offers[0].split("; ") if part.startswith(WINDOW)), None)
        assert wire.parameters.get(WINDOW) == wanted
        for _ in range(30 if size <= 4096 else 5):
            at = source.randrange(max(1, len(data) - size))
            payload = data[at:at + size]
            wire.play(wire.compressed(opcode, payload, fragment))
            wire.echoes(opcode, payload)
        wire.finish()


@pytest.mark.parametrize("size, fragment", SIZES)
@pytest.mark.parametrize("group", DATA)
def test_case_12(echo, group, size, fragment):
    exchange_compressed(echo, OFFERS["13.1"], *DATA[group], size, fragment)


@pytest.mark.parametrize("size, fragment", SIZES)
@pytest.mark.parametrize("group", OFFERS)
def test_case_13(echo, group, size, fragment):
    exchange_compressed(echo, OFFERS[group], TEXT, json_text, size, fragment)


def test_the_answers_are_compressed(echo):
    """Otherwise groups 12 and 13 would prove one direction only."""
    with Fuzzer(echo, "permessage-deflate") as wire:
        wire.play([text(b"a" * 100_000)])
        _, payload, _, reserved = wire._frame()
        assert reserved == 4 and len(payload) < 1000
        wire.finish()
