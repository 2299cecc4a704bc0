"""Disks that are small, read-only or broken: real ones, as far as this user may make them."""

import contextlib
import pathlib
import subprocess

import pytest
from wait import until


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"not permitted here: {' '.join(map(str, command))}: {done.stderr.strip()}")


@contextlib.contextmanager
def file_system(directory, size):
    """A file system of its own, with so much room."""
    directory.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", directory)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@contextlib.contextmanager
def read_only(directory):
    """Nothing below `directory` can be written."""
    _run("mount", "--bind", directory, directory)
    try:
        _run("mount", "-o", "remount,bind,ro", directory)
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def _is_traced(pid):
    tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)


@contextlib.contextmanager
def failing_writes(pid, error):
    """While it lasts, every write of the process to a place in a file fails as the kernel would let it fail."""
    strace = subprocess.Popen(
        ["strace", "--attach", str(pid), "--follow-forks", "--trace=pwrite64,ftruncate",
         f"--inject=pwrite64:error={error}", "--output=/dev/null"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: _is_traced(pid) or strace.poll() is not None, "strace follows the process")
        if strace.poll() is not None:
            pytest.skip(f"not permitted here: {strace.stderr.read().strip()}")
        yield
    finally:
        strace.terminate()
        strace.wait()
