"""What schemathesis does not know by itself (SCHEMATHESIS_HOOKS)."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
