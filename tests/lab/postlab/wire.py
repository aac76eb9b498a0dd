"""TLS for the scripted server: a handshake that can be cut, and sight of what arrived.

The handshake runs over memory buffers, so that the server's octets can be
counted TLS record by TLS record and the connection cut between any two.
"""

import socket
import ssl
import struct


IP_FREEBIND = 15  # linux/in.h; Python has no name for it


class Cut(Exception):
    """The script said to cut the connection here."""


def free_to_bind(sock: socket.socket) -> None:
    """It may take any address of a routed IPv6 prefix, though no interface has it."""
    sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)


def reset(sock: socket.socket) -> None:
    """Ends the connection with an RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def split_records(octets: bytes) -> list[bytes]:
    """The TLS records in `octets`; a server writes only whole ones."""
    records = []
    while octets:
        length = 5 + int.from_bytes(octets[3:5], "big")
        records.append(octets[:length])
        octets = octets[length:]
    return records


class PlainWire:
    """Lines in, octets out, over TCP."""

    encrypted = False

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buffer = b""

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def receive(self) -> bytes:
        return self.sock.recv(65536)

    def line(self) -> bytes:
        """The next line with its end; what there is if the peer hangs up."""
        while b"\n" not in self.buffer:
            more = self.receive()
            if not more:
                rest, self.buffer = self.buffer, b""
                return rest
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line + b"\n"

    def message(self) -> bytes:
        """DATA's octets as they came, dots still stuffed, without the closing dot."""
        end = b"\r\n.\r\n"
        got = bytearray(b"\r\n" + self.buffer)
        searched = 0
        while (at := got.find(end, searched)) < 0:
            searched = max(0, len(got) - len(end))
            more = self.receive()
            if not more:
                raise ConnectionError("hung up within the message")
            got += more
        self.buffer = bytes(got[at + len(end):])
        return bytes(got[2:at + 2])

    def close(self) -> None:
        self.sock.close()


class TlsWire(PlainWire):
    """The same over TLS. `cut_after` records of the server's, the wire is cut."""

    encrypted = True

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, cut_after=None,
                 half=False):
        super().__init__(sock)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.cut_after, self.half, self.sent = cut_after, half, 0
        self._handshake()

    def _handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
                self._flush()
                return
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLError:
                self._flush()  # the alert
                raise

    def _flush(self) -> None:
        octets = self.outgoing.read()
        if self.cut_after is None:
            if octets:
                self.sock.sendall(octets)
            return
        for record in split_records(octets):
            if self.sent == self.cut_after:
                if self.half:
                    self.sock.sendall(record[:len(record) // 2])
                raise Cut()
            self.sock.sendall(record)
            self.sent += 1

    def _feed(self) -> None:
        octets = self.sock.recv(65536)
        if not octets:
            self.incoming.write_eof()
        self.incoming.write(octets) if octets else None

    def send(self, octets: bytes) -> None:
        self.tls.write(octets)
        self._flush()

    def receive(self) -> bytes:
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def close(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        try:
            self._flush()
        except OSError:
            pass
        self.sock.close()
