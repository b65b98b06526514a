"""A control connection to an FTP server, and the transfers beside it; one thread at a time.

Names are bytes: they stand as one character for each byte (latin-1) in what ftplib sends and gives.
"""

from __future__ import annotations

import ftplib
import re
import select
import socket
import ssl
from contextlib import suppress

from synapse_sync.config import Host, Remote
from synapse_sync.sources.ftp.refusals import no_tls
from synapse_sync.sources.remote_reading import Lost

PORT, IMPLICIT_PORT = 21, 990
RECEIVED = 256 << 10  # bytes taken from a connection at once, at most
LONGEST = 64 << 10  # characters of an answer
FACTS = ("type", "size", "modify", "unique")  # that are asked for, of those that the server has
QUIET = 60  # seconds until the system asks a silent control connection for a sign of life: a long transfer is beside it


class Wire(ftplib.FTP):
    """Made, logged in and told what is wanted. Raises SourceUnavailable, and what ftplib raises.

    machine: whether the server knows MLSD. home: the folder after logging in.
    """

    def __init__(self, host: Host, access: Remote, context: ssl.SSLContext | None, user: str, password: str) -> None:
        super().__init__(timeout=access.connect_timeout, encoding="latin-1")
        self.machine = False
        self.home = "/"
        self._answered = 0
        self._name = host.name
        self._context = context
        self._silence = access.read_timeout
        implicit = access.implicit_tls or host.port == IMPLICIT_PORT
        port = host.port or (IMPLICIT_PORT if implicit else PORT)
        self.sock = socket.create_connection((host.name, port), timeout=access.connect_timeout)
        try:
            self._begin(implicit=implicit)
            self.sock.settimeout(access.read_timeout)
            self._log_in(_as_bytes(user), _as_bytes(password))
            self._say_what_is_wanted()
        except BaseException:
            self.drop()
            raise

    def getmultiline(self) -> str:
        """See ftplib: one answer."""
        self._answered = 0
        return super().getmultiline()

    def getline(self) -> str:
        """See ftplib: a line of an answer. Raises Lost as well, where it has more of them than fit into memory."""
        line = super().getline()
        self._answered += len(line) + 1
        if self._answered > LONGEST:
            raise Lost("its answer has no end")
        return line

    @property
    def is_stale(self) -> bool:
        """Whether the server has said something unasked, like good-bye, or closed it."""
        if self.sock is None:
            return True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))

    def drop(self) -> None:
        """Close it without a word, whatever is under way."""
        if self.sock is not None:
            cut(self.sock)
        with suppress(OSError):
            self.close()

    def transfer(self, command: str, offset: int = 0) -> socket.socket:
        """The data connection on which the answer to a command comes, to the same host; see `received`."""
        host, port = self.makepasv()
        try:
            data = socket.create_connection((host, port), self.timeout)
        except OSError as error:
            hint = "allow the server's passive ports in the firewalls between"
            raise Lost(f"no data connection to its port {port} comes about ({error}): {hint}") from error
        try:
            if offset:
                self.sendcmd(f"REST {offset}")
            _begun(self.sendcmd(command))
            if self._context is not None and isinstance(self.sock, ssl.SSLSocket):
                # With the session of the control connection: to servers that is the proof that it is the same client.
                data = self._context.wrap_socket(data, server_hostname=self._name, session=self.sock.session)
            data.settimeout(self._silence)
        except BaseException:
            data.close()
            raise
        return data

    def received(self, data: socket.socket) -> str:
        """A transfer whose data came to its end: only now it is known whether they are whole. What the server says."""
        with data:
            if isinstance(data, ssl.SSLSocket):
                with suppress(OSError, ValueError):
                    data.unwrap()  # some servers wait for that
        return self.voidresp()

    def full(self, path: bytes) -> str:
        """An absolute path, as it is written here: others are meant from the home folder."""
        text = path.decode("latin-1")
        if text.startswith("/"):
            return text
        return self.home if text == "." else f"{self.home.rstrip('/')}/{text}"

    def _begin(self, *, implicit: bool) -> None:
        assert self.sock is not None
        self.af = self.sock.family
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET)
        if self._context is not None and implicit:
            self._protect(self._context)
        self._listen()
        self.welcome = self.getresp()
        if self._context is None:
            return
        if not implicit:
            try:
                self.voidcmd("AUTH TLS")
            except (ftplib.error_perm, ftplib.error_temp) as error:
                raise no_tls(error) from error
            self._protect(self._context)
            self._listen()
        self.voidcmd("PBSZ 0")  # RFC 4217, 8: for transfers as well
        self.voidcmd("PROT P")

    def _protect(self, context: ssl.SSLContext) -> None:
        assert self.sock is not None
        self.sock = context.wrap_socket(self.sock, server_hostname=self._name)

    def _listen(self) -> None:
        """What came before is forgotten, so that nothing said in clear counts as said under protection."""
        assert self.sock is not None
        self.file = self.sock.makefile("r", encoding=self.encoding, newline="\n")

    def _log_in(self, user: str, password: str) -> None:
        try:
            self.login(user, password)
        except ftplib.Error as error:
            if password and password in str(error):  # a server may repeat what it does not understand
                raise type(error)(str(error).replace(password, "***")) from None
            raise

    def _say_what_is_wanted(self) -> None:
        features = self._features()
        if "UTF8" in features:
            self._asked("OPTS UTF8 ON")
        self.machine = "MLST" in features
        if offered := re.findall(r"([\w.]+)\*?;", features.get("MLST", "")):
            wanted = [name for name in offered if name.lower() in FACTS]
            self._asked(f"OPTS MLST {''.join(name + ';' for name in wanted)}")
        self.voidcmd("TYPE I")
        if self._asked("PWD"):
            self.home = self.pwd()

    def _features(self) -> dict[str, str]:
        """What the server says it knows (RFC 2389)."""
        lines = self._asked("FEAT").splitlines()[1:-1]
        return {line.split()[0].upper(): line for line in lines if line.strip()}

    def _asked(self, command: str) -> str:
        """The answer to what a server need not know; "" where it refuses."""
        try:
            return self.sendcmd(command)
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if str(error).startswith("421"):
                raise
            return ""


def _as_bytes(text: str) -> str:
    return text.encode().decode("latin-1")


def _begun(answer: str) -> None:
    if answer[0] != "1":
        raise ftplib.error_reply(answer)  # noqa: S321 - what it lacks is told where it is configured


def cut(line: socket.socket) -> None:
    """Nothing more comes or goes; another thread may be waiting for it, and is told. TLS says nothing then."""
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)
