"""A TCP relay in front of the server that can lose answers after the server has acted on them, or
end the client there."""

import os
import signal
import socket
import threading


class Proxy:
    """Relays connections to `port`; `lose(n)` cuts the connection instead of answer n (from 0), and
    `kill(n, pid)` kills a process at that answer, before or behind its first bytes."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.left = None
        self.lost = 0
        self.victim = None
        threading.Thread(target=self.accept, daemon=True).start()

    def lose(self, answer):
        self.left = answer

    def heal(self):
        self.left = None

    def kill(self, answer, pid, is_behind):
        self.victim = [answer, pid, is_behind]

    def spare(self):
        self.victim = None

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            return client.close()
        # An answer begins where bytes come back after bytes went out.
        asked = threading.Event()
        threading.Thread(target=self.pump, args=(client, server, asked), daemon=True).start()
        try:
            while data := server.recv(65536):
                victim = None
                if asked.is_set():
                    asked.clear()
                    if self.loses():
                        break
                    victim = self.chosen()
                if victim and not victim[2]:
                    os.kill(victim[1], signal.SIGKILL)
                client.sendall(data)
                if victim and victim[2]:
                    os.kill(victim[1], signal.SIGKILL)
        except OSError:
            pass
        finally:
            shut(client, server)

    def chosen(self):
        """The process to end at this answer, if it is the one."""
        if self.victim is None:
            return None
        self.victim[0] -= 1
        if self.victim[0] >= 0:
            return None
        victim, self.victim = self.victim, None
        return victim

    def loses(self):
        if self.left is None:
            return False
        self.left -= 1
        if self.left >= 0:
            return False
        self.left = None
        self.lost += 1
        return True

    @staticmethod
    def pump(client, server, asked):
        try:
            while data := client.recv(65536):
                asked.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            shut(client, server)


def shut(*sockets):
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        each.close()
