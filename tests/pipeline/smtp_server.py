"""An SMTP server for one test: keeps the messages it is sent."""

from __future__ import annotations

import socketserver
from email import message_from_bytes, policy


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one message takes."""

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline().strip():
            verb = line.upper().split(b":")[0]
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(
                    message_from_bytes(b"".join(lines), policy=policy.default)
                )
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return
