"""Runs a script of steps with the official SDK 1.x and prints what happened as one JSON object.

Started by test_mcp_sdk.py in an environment of its own: `first_generation.py URL STEPS`, STEPS a JSON list of
[name, arguments] pairs.
"""

import asyncio
import json
import sys

import mcp.types as types
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.exceptions import McpError


async def elicit(context, params):
    return types.ElicitResult(action="accept", content={"answer": "Ada"})


async def sample(context, params):
    return types.CreateMessageResult(role="assistant", model="none", content={"type": "text", "text": "sampled"})


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///somewhere", name="here")])


def plain(value):
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def run(url, steps):
    said = {"steps": [], "messages": []}

    async def message(one):
        if isinstance(one, types.ServerNotification):
            said["messages"].append(plain(one.root))

    async with streamablehttp_client(url) as (reader, writer, session_id):
        async with ClientSession(
            reader, writer, elicitation_callback=elicit, sampling_callback=sample, list_roots_callback=roots,
            message_handler=message,
        ) as session:
            said["initialize"] = plain(await session.initialize())
            said["session_id"] = session_id()
            for name, arguments in steps:
                progress = []

                async def on_progress(done, total, text, progress=progress):
                    progress.append([done, total, text])

                if name == "call_tool":
                    arguments = {**arguments, "progress_callback": on_progress}
                try:
                    answer = await getattr(session, name)(**arguments)
                    said["steps"].append({"result": plain(answer), "progress": progress})
                except McpError as error:
                    said["steps"].append({"error": plain(error.error), "progress": progress})
    return said


print(json.dumps(asyncio.run(asyncio.wait_for(run(sys.argv[1], json.loads(sys.argv[2])), 60))))
