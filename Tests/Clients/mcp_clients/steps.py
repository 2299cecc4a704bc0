"""What both generations of the official SDK are told to do, and how they say what happened.

A job is one JSON object: `url`, `transport` (`http`, `sse`, `websocket`), `mode` (second generation), and `steps`, a list of
[name, arguments]. A name is a method of the client, or one of those below. What happened is printed as one JSON object.
"""

import asyncio
import json
import sys

import mcp.types as types


async def elicit(context, params):
    if getattr(params, "mode", "form") == "url":
        return types.ElicitResult(action="accept")
    return types.ElicitResult(action="accept", content={"answer": "Ada"})


async def sample(context, params):
    return types.CreateMessageResult(role="assistant", model="none", content={"type": "text", "text": "sampled"})


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///somewhere", name="here")])


CALLBACKS = {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}


def plain(value):
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if value is not None else {}


class Run:
    """One job on its way."""

    def __init__(self, error, cancel):
        """`error` is the SDK's exception, `cancel(client, task)` its way to cancel a call."""
        self.error = error
        self.cancel = cancel
        self.said = {"steps": [], "messages": []}
        self.news = asyncio.Condition()

    async def message(self, one):
        """Everything that the server says beside answers."""
        if isinstance(one, Exception) or not hasattr(one, "model_dump"):
            return
        one = plain(one)
        if "method" in one:
            async with self.news:
                self.said["messages"].append(one)
                self.news.notify_all()

    async def heard(self, client, method):
        """Waits until the server has said `method`."""
        async with self.news:
            await self.news.wait_for(lambda: any(one["method"] == method for one in self.said["messages"]))

    async def cancelled(self, client, name, arguments):
        """Calls a tool and cancels the call at its first progress."""
        begun = asyncio.Event()

        async def on_progress(done, total, text):
            begun.set()

        task = asyncio.create_task(client.call_tool(name, arguments, progress_callback=on_progress))
        await begun.wait()
        await self.cancel(client, task)
        try:
            return await task
        except asyncio.CancelledError:
            return None

    async def step(self, client, name, arguments):
        progress = []

        async def on_progress(done, total, text):
            progress.append([done, total, text])

        try:
            if name in ("heard", "cancelled"):
                answer = await getattr(self, name)(client, **arguments)
            elif name == "call_tool":
                answer = await client.call_tool(**arguments, progress_callback=on_progress)
            else:
                answer = await getattr(client, name)(**arguments)
            self.said["steps"].append({"result": plain(answer), "progress": progress})
        except self.error as error:
            self.said["steps"].append({"error": plain(error.error), "progress": progress})


def main(connect, error, cancel):
    """`connect(job, run)` is a context manager that gives a client."""
    job = json.loads(sys.argv[1])

    async def whole():
        run = Run(error, cancel)
        async with connect(job, run) as client:
            for name, arguments in job["steps"]:
                await run.step(client, name, arguments)
        return run.said

    print(json.dumps(asyncio.run(asyncio.wait_for(whole(), 60))))
