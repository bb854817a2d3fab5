"""ZooKeeper's wire protocol, as much as reading, theft of sessions and the proxy need."""

import socket
import struct
import threading

from basics import Failed

CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, PING, CHILDREN = 1, 2, 3, 4, 5, 11, 8
CHECK, MULTI, CREATE2, CREATE_CONTAINER, CREATE_TTL, CLOSE = 13, 14, 15, 19, 21, -11
NO_NODE = -101
CREATES = (CREATE, CREATE2, CREATE_CONTAINER, CREATE_TTL)
LONGEST_FRAME = 64 * 1024 * 1024


def frame(body):
    return struct.pack(">i", len(body)) + body


def buffer(data):
    return struct.pack(">i", len(data)) + data


class Reader:
    """Reads a frame from its beginning on."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def buffer(self):
        length = self.number("i")
        if length < 0:
            return b""
        value = self.data[self.at:self.at + length]
        self.at += length
        return value

    def text(self):
        return self.buffer().decode(errors="replace")


def connect_request(timeout_ms, session=0, password=b"\0" * 16):
    return frame(struct.pack(">iqiq", 0, 0, timeout_ms, session) + buffer(password) + b"\0")


def parse_connect_response(body):
    """Session and password. A session that is over has the number 0."""
    reader = Reader(body)
    reader.number("q")  # the protocol's version, and the timeout
    session = reader.number("q")
    return session, reader.buffer()


class Request:
    """What a client asks: number, kind, and every change as (kind, path, version)."""

    NAMES = {CREATE: "create", CREATE2: "create", CREATE_CONTAINER: "create", CREATE_TTL: "create",
             DELETE: "delete", SET_DATA: "set", CHECK: "check", EXISTS: "exists", GET_DATA: "get",
             CHILDREN: "children", 12: "children", MULTI: "multi", PING: "ping", CLOSE: "close"}

    def __init__(self, body):
        reader = Reader(body)
        self.xid = reader.number("i")
        self.code = reader.number("i")
        self.kind = self.NAMES.get(self.code, str(self.code))
        self.operations = []
        if self.code == MULTI:
            while True:
                code, done = reader.number("i"), reader.number("?")
                reader.number("i")
                if done:
                    break
                self.operations.append(self._operation(code, reader))
        elif self.code in CREATES or self.code in (DELETE, SET_DATA, CHECK):
            self.operations.append(self._operation(self.code, reader))

    def _operation(self, code, reader):
        path, version = reader.text(), -1
        if code in CREATES:
            reader.buffer()
            for _ in range(max(0, reader.number("i"))):
                reader.number("i")
                reader.buffer()
                reader.buffer()
            reader.number("i")
            if code == CREATE_TTL:
                reader.number("q")
        elif code == SET_DATA:
            reader.buffer()
            version = reader.number("i")
        elif code in (DELETE, CHECK):
            version = reader.number("i")
        else:
            raise Failed(f"a multi holds an operation of kind {code}, which the proxy does not know")
        return self.NAMES[code], path, version

    def has(self, kind, part):
        """Whether a change of this kind is made to a path that holds this text."""
        return any(operation[0] == kind and part in operation[1] for operation in self.operations)


class ZooKeeperReader:
    """A session that reads: for looking at the tree from outside. Goes to another server when one fails."""

    def __init__(self, addresses, timeout_ms=20_000):
        self._addresses = list(addresses)
        self._timeout_ms = timeout_ms
        self._lock = threading.Lock()
        self._socket = None
        self._xid = 0

    def children(self, path):
        """The names below a path; None where it does not exist."""
        answer = self._ask(CHILDREN, path)
        return None if answer is None else [answer.text() for _ in range(answer.number("i"))]

    def data(self, path):
        """The content of a path; None where it does not exist."""
        answer = self._ask(GET_DATA, path)
        return None if answer is None else answer.buffer()

    def owner(self, path):
        """The session that owns an ephemeral znode; None where it does not exist."""
        answer = self._ask(EXISTS, path)
        if answer is None:
            return None
        for form in "qqqqiii":
            answer.number(form)
        return answer.number("q")

    def close(self):
        with self._lock:
            self._drop()

    def _ask(self, code, path):
        with self._lock:
            problem = None
            for _ in range(2 * len(self._addresses)):
                try:
                    if self._socket is None:
                        self._connect()
                    return self._exchange(code, path)
                except (OSError, struct.error) as error:
                    problem = error
                    self._drop()
                    self._addresses.append(self._addresses.pop(0))
            raise Unreachable(f"no ZooKeeper server answers: {problem}")

    def _connect(self):
        self._socket = socket.create_connection((self._addresses[0], 2181), timeout=1)
        self._socket.settimeout(2)
        self._socket.sendall(connect_request(self._timeout_ms))
        parse_connect_response(receive(self._socket))

    def _exchange(self, code, path):
        self._xid += 1
        self._socket.sendall(frame(struct.pack(">ii", self._xid, code) + buffer(path.encode()) + b"\0"))
        while True:
            reader = Reader(receive(self._socket))
            xid = reader.number("i")
            reader.number("q")
            error = reader.number("i")
            if xid == self._xid:
                break
        if error == NO_NODE:
            return None
        if error != 0:
            raise OSError(f"ZooKeeper's error {error}")
        return reader

    def _drop(self):
        if self._socket is not None:
            try:
                self._socket.sendall(frame(struct.pack(">ii", self._xid + 1, CLOSE)))
            except OSError:
                pass  # the session ends by its timeout
            self._socket.close()
            self._socket = None


class Unreachable(Failed):
    """No server of the ensemble answers at this moment."""


def receive(connection):
    """One frame of a blocking socket."""
    length = struct.unpack(">i", _exactly(connection, 4))[0]
    if not 0 <= length <= LONGEST_FRAME:
        raise OSError(f"a frame of {length} bytes")
    return _exactly(connection, length)


def _exactly(connection, count):
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise OSError("the server closed the connection")
        parts += part
    return bytes(parts)


def steal_session(addresses, session, password):
    """Ends somebody's session: connects under its number and password, and closes it. False where it was over."""
    problem = None
    for address in addresses:
        try:
            with socket.create_connection((address, 2181), timeout=2) as connection:
                connection.settimeout(3)
                connection.sendall(connect_request(4000, session, password))
                given, _ = parse_connect_response(receive(connection))
                if given != session:
                    return False
                connection.sendall(frame(struct.pack(">ii", 1, CLOSE)))
                while True:
                    reader = Reader(receive(connection))
                    if reader.number("i") == 1:
                        return True
        except OSError as error:
            problem = error
    raise Failed(f"session {session:#x} could not be stolen: {problem}")
