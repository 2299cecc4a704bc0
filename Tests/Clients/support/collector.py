"""A receiver of OTLP over HTTP that knows nothing but what OpenTelemetry's own messages say."""

import http.server
import threading

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from wait import until


def value(any_value):
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind else None


class Span:
    def __init__(self, span, resource):
        self.name, self.kind, self.resource = span.name, span.kind, resource
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.links = [(link.trace_id.hex(), link.span_id.hex()) for link in span.links]
        self.start, self.end = span.start_time_unix_nano, span.end_time_unix_nano
        self.attributes = {one.key: value(one.value) for one in span.attributes}
        self.failure = span.status.message if span.status.code == 2 else None

    def __repr__(self):
        return f"<{self.name} {self.trace[:8]}/{self.id} of {self.parent} {self.attributes}>"


class Collector:
    INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5

    def __init__(self):
        self.spans, self.requests, self.statuses = [], [], []
        self.lock = threading.Lock()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = collector.statuses.pop(0) if collector.statuses else 200
                with collector.lock:
                    collector.requests.append((self.path, dict(self.headers.items()), status))
                if status == 200:
                    collector.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, body):
        request = ExportTraceServiceRequest.FromString(body)
        with self.lock:
            for group in request.resource_spans:
                resource = {one.key: value(one.value) for one in group.resource.attributes}
                for scope in group.scope_spans:
                    self.spans += [Span(one, resource) for one in scope.spans]

    def find(self, **wanted):
        with self.lock:
            return [one for one in self.spans if all(getattr(one, key) == value for key, value in wanted.items())]

    def wait(self, count=1, **wanted):
        return until(
            lambda: len(self.find(**wanted)) >= count and self.find(**wanted), f"{count} spans with {wanted}; {self.spans}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
