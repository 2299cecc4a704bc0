"""nginx before the gateway, configured as little as possible: what it buffers by default, it buffers here."""

import grp
import os
import pwd
import shutil
import socket
import subprocess

from wait import until

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  {upstream}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://{target}; {more} }}
  }}
}}
"""


def program():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class Nginx:
    """A proxy to `address`, or to the `target` that `upstream` describes; `more` goes into its location."""

    def __init__(self, directory, address, more="", upstream="", target=None, connections=256):
        self._directory = directory
        user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};" if os.geteuid() == 0 else ""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        directory.chmod(0o755)
        (directory / "nginx.conf").write_text(CONFIGURATION.format(
            user=user, port=self.address[1], target=target or f"{address[0]}:{address[1]}", more=more,
            upstream=upstream, connections=connections))

    def __enter__(self):
        assert program(), "nginx is not installed (package nginx-core)"
        log = (self._directory / "output").open("wb")
        self._process = subprocess.Popen(
            [program(), "-p", self._directory, "-e", self._directory / "error.log", "-c", self._directory / "nginx.conf"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._answers, "nginx to listen")
        return self

    def _answers(self):
        assert self._process.poll() is None, (self._directory / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)
