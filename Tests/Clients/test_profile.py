"""`Benchmarks/profile`: sampled stacks become a flame graph. What perf would say is written here: it is forbidden in many
containers, and samples are never twice the same."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import gateway as gateways
import pytest

sys.path.append(str(gateways.REPOSITORY / "Benchmarks"))
import flamegraph

SCRIPT = """\
NIO-ELT-0-#1
\tffffffff8103 do_epoll_wait ([kernel.kallsyms])
\t    5581a1 $s8NIOPosix8SelectorC10whenReadyyyF+0x1c (/opt/mcp-gateway)
\t    5581a0 start_thread (/usr/lib/libc.so.6)

NIO-ELT-0-#1
\t    5581b7 $s11GatewayCore6RouterV5routeyyF (/opt/mcp-gateway)
\t    5581a0 start_thread (/usr/lib/libc.so.6)

NIO-ELT-0-#1
\t    5581b9 $s11GatewayCore6RouterV5routeyyF (/opt/mcp-gateway)
\t    5581a0 start_thread (/usr/lib/libc.so.6)

 SQLite <1>
\t         0 [unknown] ([unknown])

"""


def test_stacks_are_folded_from_the_outside_in():
    loop = "NIO-ELT-0-#1"
    assert flamegraph.fold(SCRIPT.splitlines()) == {
        (loop, "start_thread", "$s8NIOPosix8SelectorC10whenReadyyyF", "do_epoll_wait_[k]"): 1,
        (loop, "start_thread", "$s11GatewayCore6RouterV5routeyyF"): 2,
        ("SQLite <1>", "[unknown]"): 1,
    }


def test_a_frame_is_as_wide_as_its_share():
    stacks = flamegraph.demangle(flamegraph.fold(SCRIPT.splitlines()))
    root = ElementTree.fromstring(flamegraph.svg(stacks, "<one> & another"))
    space = "{http://www.w3.org/2000/svg}"
    widths, colours = {}, {}
    for group in root.iter(f"{space}g"):
        name, box = group.find(f"{space}title").text, group.find(f"{space}rect")
        widths[name], colours[name] = float(box.get("width")) + 0.4, box.get("fill")
    assert widths["start_thread: 3 samples, 75.0 %"] == pytest.approx(widths["all: 4 samples, 100.0 %"] * 3 / 4, abs=0.2)
    assert "SQLite <1>: 1 samples, 25.0 %" in widths
    of_kind = {kind: colour for kind, colour, _ in flamegraph.KINDS}
    assert colours["do_epoll_wait: 1 samples, 25.0 %"] == of_kind["kernel"]
    assert next(colour for name, colour in colours.items() if "oute" in name) == of_kind["gateway"]
    assert next(colour for name, colour in colours.items() if "whenReady" in name) == of_kind["SwiftNIO"]


def test_nothing_sampled_is_no_graph():
    with pytest.raises(ValueError):
        flamegraph.svg({}, "empty")


def profile(directory, perf, *arguments):
    """Runs the script with a `perf` of our own, against the binary under test."""
    (directory / "perf").write_text("#!/bin/sh\n" + perf)
    (directory / "perf").chmod(0o755)
    environment = os.environ | {"PATH": f"{directory}:{os.environ['PATH']}"}
    return subprocess.run(
        [sys.executable, gateways.REPOSITORY / "Benchmarks/profile", "--gateway", gateways.BINARY, "--connections", "5", "--seconds", "1",
         "--output", directory / "profile.svg", *arguments],
        env=environment, capture_output=True, text=True, timeout=80)


@pytest.mark.parametrize("load", ["echo", "fanout"])
def test_a_loaded_gateway_becomes_a_graph(tmp_path, load):
    (tmp_path / "script.txt").write_text(SCRIPT * 30)
    # `record … -o FILE -- sleep SECONDS`; `script …`
    answer = profile(tmp_path, f'''if [ "$1" = script ]; then cat {tmp_path}/script.txt; exit; fi
while [ "$1" != -o ]; do shift; done; : > "$2"; shift 3; exec "$@"''', "--load", load)
    assert answer.returncode == 0, answer.stderr
    assert "120 samples" in answer.stdout
    assert f"mcp-gateway: {load}" in (tmp_path / "profile.svg").read_text()
    assert (tmp_path / "profile.folded").read_text().endswith(" 30\n")


def test_where_perf_is_forbidden_it_says_what_to_change(tmp_path):
    answer = profile(tmp_path, "echo 'Access to performance monitoring is limited.' >&2; exit 255")
    assert answer.returncode == 1
    assert "kernel.perf_event_paranoid" in answer.stderr and "is limited" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "profile.svg").exists()


def test_the_memory_of_a_connection_is_broken_down():
    done = subprocess.run(
        [sys.executable, gateways.REPOSITORY / "Benchmarks/memory-breakdown", "--gateway", gateways.BINARY, "--connections", "100"],
        env=gateways.clean_environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for words in ("ws: ", "sse: ", "the connection: Phoenix Channels", "the connection: event stream", "the session", "the socket's channel"):
        assert words in done.stdout, done.stdout
