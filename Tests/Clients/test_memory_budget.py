"""A process whose memory is short gives up the least important first, and says so."""

import phoenix
import sse
from wait import until


def test_what_is_given_up_comes_in_its_order_and_is_told(start_gateway, client):
    own = start_gateway(
        {"memory": {"budget": "96MiB"}, "storage": {"engine": "memory"}, "rate_limiting": {"default_limit": 100000}})
    early = phoenix.Socket(own.ws, client)
    early.join()
    data = "x" * 900_000
    numbers = iter(range(1000))

    def memory():
        return own.api.get("/mcp/stats").json["memory"]

    def publish(priority):
        body = {"client_id": f"{client}-{next(numbers)}", "type": "t", "data": data, "priority": priority}
        return own.api.post("/mcp/messages", body)

    seen = []
    for priority in ("low", "normal", "high"):
        def is_refused():
            answer = publish(priority)
            step = memory()["shedding"]
            if step not in seen:
                seen.append(step)
            return answer if answer.status == 503 else None

        refusal = until(is_refused, f"messages with priority {priority} to be refused", 60)
        assert refusal.json["error"] == "overloaded" and "memory.budget" in refusal.json["reason"]
        assert refusal.json["retry_after"] > 0
    order = ["none", "connections", "low_priority", "normal_priority", "slow_readers", "high_priority"]
    assert seen == [step for step in order if step in seen] and seen[-1] == "high_priority"

    # New streams are refused, whoever is here stays, and plain requests are answered.
    late = own.api.__class__(own.sse).get(sse.path(f"{client}-late"))
    assert late.status == 503 and late.json["error"] == "overloaded"
    assert early.error("message", {"type": "echo", "data": 1})["error"] == "overloaded"
    early.ok("ack", {"sequence": 0})
    figures = memory()
    assert figures["refused_connections"] >= 1 and figures["refused_messages"] >= 4
    assert figures["used"] < 1.3 * figures["budget"]
    early.close()
