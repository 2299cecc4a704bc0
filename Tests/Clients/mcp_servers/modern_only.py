"""A server by hand that speaks 2026-07-28 and nothing else: initialize is a method that it does not know.

Arguments: what its first process does with the first message, and a file that says that there was one. `answers` is what all
processes do; `ends` and `says-nothing` are what a program does that is not ready.
"""

import json
import os
import sys

kind, mark = sys.argv[1:]
is_first = kind != "answers" and not os.path.exists(mark)
VERSION = "2026-07-28"
TOOLS = [
    {"name": "pid", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
    {"name": "never", "inputSchema": {"type": "object"}},
    {"name": "waiting", "inputSchema": {"type": "object"}},
]
waiting = set()


def say(**more):
    print(json.dumps({"jsonrpc": "2.0", **more}), flush=True)


for line in sys.stdin:
    message = json.loads(line)
    method, id, params = message.get("method"), message.get("id"), message.get("params", {})
    if is_first:
        is_first = False
        open(mark, "w").close()
        if kind == "ends":
            os._exit(3)
        continue
    done = {"resultType": "complete"}
    if method == "notifications/cancelled":
        waiting.discard(params["requestId"])
    elif method == "server/discover":
        say(id=id, result={**done, "supportedVersions": [VERSION], "capabilities": {"tools": {}}, "ttlMs": 0,
                           "cacheScope": "private"})
    elif method == "tools/list":
        say(id=id, result={**done, "tools": TOOLS, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/call":
        name = params["name"]
        assert params["_meta"]["io.modelcontextprotocol/protocolVersion"] == VERSION
        if name == "never":
            waiting.add(id)
        else:
            said = os.getpid() if name == "pid" else len(waiting)
            say(id=id, result={**done, "content": [{"type": "text", "text": str(said)}]})
    elif id is not None:
        say(id=id, error={"code": -32601, "message": "no"})
