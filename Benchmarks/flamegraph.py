"""Sampled stacks into a flame graph: the text of `perf script` is folded into one line for each distinct stack, those
into an SVG that needs nothing else. Standard library only."""

import re
import shutil
import subprocess
from html import escape

WIDTH, ROW, MARGIN, TOP = 1280, 17, 10, 56
CHARACTER = 6.7  # width of one in the font below
KINDS = [  # by where a frame's code lives; the first that fits
    ("kernel", "#d8a657", re.compile(r"_\[k\]$")),
    ("SwiftNIO", "#7daea3", re.compile(r"_\[n\]$|^c_?nio|^CNIO")),
    ("gateway", "#e78a4e", re.compile(r"_\[g\]$")),
    ("runtime, C libraries", "#b5b0a6", re.compile("")),
]
# The module stands in front of a mangled name, and nowhere in a simplified one.
MODULES = [("_[n]", re.compile(r"^\$s\d+_?NIO")), ("_[g]", re.compile(r"^\$s\d+(?!Foundation|Dispatch|Synchronization)[A-Za-z_]"))]
MARK = re.compile(r"_\[[a-z]\]$")


def fold(lines):
    """{(outermost, …, innermost): samples} of the lines of `perf script -F comm,ip,sym,dso`."""
    stacks, command, frames = {}, None, []

    def finish():
        if command is not None and frames:
            stack = (command, *reversed(frames))
            stacks[stack] = stacks.get(stack, 0) + 1

    for line in lines:
        line = line.rstrip("\n")
        if not line.strip():
            finish()
            command, frames = None, []
        elif command is None:  # the first line of a sample; perf sets it to the right
            command = line.strip()
        elif found := re.match(r"\s+([0-9a-f]+)\s+(.*?)(?:\s+\(([^()]*|\[[^\]]*\])\))?$", line):
            name = re.sub(r"\+0x[0-9a-f]+$", "", found.group(2)) or "[unknown]"
            where = found.group(3) or ""
            frames.append(name + ("_[k]" if where.startswith("[kernel") or where.endswith(".ko") else ""))
    finish()
    return stacks


def demangle(stacks):
    """The same with Swift's names as they are written in source, if the tool for it is there, marked with their module's kind."""
    names = sorted({name for stack in stacks for name in stack if name.startswith("$s")})
    answer = []
    if names and shutil.which("swift"):
        command = ["swift", "demangle", "--simplified"]
        answer = subprocess.run(command, input="\n".join(names) + "\n", capture_output=True, text=True).stdout.splitlines()
    if len(answer) != len(names):
        answer = names
    clear = {name: shown + next((mark for mark, module in MODULES if module.search(name)), "") for name, shown in zip(names, answer)}
    result = {}
    for stack, count in stacks.items():
        named = tuple(clear.get(name, name) for name in stack)
        result[named] = result.get(named, 0) + count
    return result


def text(stacks):
    """The folded form that other tools read too: frames joined by semicolons, a blank, the number of samples."""
    return "".join(f"{';'.join(name.replace(';', ',') for name in stack)} {count}\n" for stack, count in sorted(stacks.items()))


class Frame:
    def __init__(self, name):
        self.name, self.samples, self.children = name, 0, {}


def tree(stacks):
    root = Frame("all")
    for stack, count in stacks.items():
        root.samples += count
        at = root
        for name in stack:
            at = at.children.setdefault(name, Frame(name))
            at.samples += count
    return root


def svg(stacks, title):
    """The graph: a frame is as wide as its share of all samples; what it called stands on it."""
    root = tree(stacks)
    if not root.samples:
        raise ValueError("no samples")
    boxes, scale = [], (WIDTH - 2 * MARGIN) / root.samples

    # With a list instead of recursion: stacks may be deeper than Python's own.
    waiting = [(root, 0, 0)]
    while waiting:
        frame, level, before = waiting.pop()
        if frame.samples * scale < 0.3:  # too thin to be seen
            continue
        boxes.append((frame, level, before))
        for name in sorted(frame.children):
            waiting.append((frame.children[name], level + 1, before))
            before += frame.children[name].samples

    height = TOP + (max(level for _, level, _ in boxes) + 1) * ROW + MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">',
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#fbfaf7"/>',
        f'<text x="{MARGIN}" y="20" font-size="14">{escape(title)}</text>',
    ]
    at = MARGIN
    for kind, colour, _ in KINDS:
        out.append(f'<rect x="{at}" y="31" width="11" height="11" fill="{colour}"/><text x="{at + 16}" y="41">{kind}</text>')
        at += 34 + len(kind) * CHARACTER
    for frame, level, before in boxes:
        x, y, width = MARGIN + before * scale, height - MARGIN - (level + 1) * ROW, frame.samples * scale
        colour = next(colour for _, colour, pattern in KINDS if pattern.search(frame.name))
        room = int((width - 6) / CHARACTER)
        name = MARK.sub("", frame.name)
        shown = name if len(name) <= room else name[:room - 1] + "…" if room >= 4 else ""
        out.append(
            f'<g><title>{escape(name)}: {frame.samples} samples, {100 * frame.samples / root.samples:.1f} %</title>'
            f'<rect x="{x:.1f}" y="{y}" width="{max(width - 0.4, 0.2):.1f}" height="{ROW - 1}" rx="1" fill="{colour}"/>'
            + (f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(shown)}</text>' if shown else "") + "</g>")
    return "\n".join(out) + "\n</svg>\n"
