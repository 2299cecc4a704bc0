"""Runs a script of steps with the official SDK 2.x and prints what happened as one JSON object.

Started by test_mcp_sdk.py in an environment of its own: `second_generation.py URL STEPS MODE`, STEPS a JSON list of
[name, arguments] pairs, MODE `legacy`, `auto` or a revision.
"""

import asyncio
import json
import sys

import mcp.types as types
from mcp import Client, MCPError


async def elicit(context, params):
    return types.ElicitResult(action="accept", content={"answer": "Ada"})


def plain(value):
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if value is not None else {}


async def run(url, steps, mode):
    said = {"steps": []}
    async with Client(url, mode=mode, elicitation_callback=elicit) as client:
        said["protocol_version"] = client.protocol_version
        for name, arguments in steps:
            progress = []

            async def on_progress(done, total, text, progress=progress):
                progress.append([done, total, text])

            if name == "call_tool":
                arguments = {**arguments, "progress_callback": on_progress}
            try:
                answer = await getattr(client, name)(**arguments)
                said["steps"].append({"result": plain(answer), "progress": progress})
            except MCPError as error:
                said["steps"].append({"error": plain(error.error), "progress": progress})
    return said


print(json.dumps(asyncio.run(asyncio.wait_for(run(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]), 60))))
