"""Runs a command at a terminal and types one line at each prompt.

    type.py --line WORDS --line WORDS -- COMMAND...

A prompt is output that ends with a colon or question mark and a space. What is shown is passed on; the command's exit
status is this program's.
"""

import os
import pty
import sys

arguments = sys.argv[1:]
end = arguments.index("--")
lines, command = arguments[1:end:2], arguments[end + 1 :]
shown = b""


def read(terminal):
    global shown
    data = os.read(terminal, 1024)
    shown += data
    if lines and shown.endswith((b": ", b"? ")):
        shown = b""
        os.write(terminal, lines.pop(0).encode() + b"\n")
    return data


status = os.waitstatus_to_exitcode(pty.spawn(command, read, lambda _: b""))
if lines:
    print(f"nothing asked for {lines}")
    status = status or 1
sys.exit(status)
