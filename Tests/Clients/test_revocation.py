"""A revoked token ends all its connections within a second; with 10,000 of them: `Benchmarks/revocation`."""

import json
import subprocess
import sys

import gateway as gateways


def test_a_thousand_connections_of_a_revoked_token_are_closed_within_a_second():
    done = subprocess.run(
        [sys.executable, gateways.REPOSITORY / "Benchmarks/revocation", "--connections", "1000", "--binary",
         gateways.BINARY], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=80)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["untold"] == 0 and result["last_closed_s"] <= 1
