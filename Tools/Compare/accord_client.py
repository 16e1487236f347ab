"""Accord's client. `accord_client.py PORT FILE write N | sync | seed N`, prints the seconds."""

import sys
import time

import jwt
from accord_server import SECRET
from accordsync import AccordClient, HttpTransport, MemoryStorage, SqliteStorage, define_schema, lww

from workload import records


def main():
    port, place, verb = sys.argv[1:4]
    token = jwt.encode({"sub": "somebody"}, SECRET, algorithm="HS256")
    storage = MemoryStorage() if verb == "seed" else SqliteStorage(place)
    # The largest requests and pages its server takes.
    client = AccordClient.open(
        schema=define_schema({"note": {"text": lww()}}), storage=storage,
        transport=HttpTransport(f"http://127.0.0.1:{port}", get_token=lambda: token),
        push_batch=500, pull_limit=1000)
    start = time.perf_counter()
    if verb in ("write", "seed"):
        for key, text in records(int(sys.argv[4])):
            client.assign(f"note:{key}", "text", text)
    if verb in ("sync", "seed"):
        client.sync()
    seconds = time.perf_counter() - start
    if client.status().pending and verb != "write":
        sys.exit("accord left writes pending")
    print(len(client.records("note")), seconds)
    client.close()


if __name__ == "__main__":
    main()
