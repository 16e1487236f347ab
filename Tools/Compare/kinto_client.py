"""kinto-http as its documentation shows it. `kinto_client.py PORT push N | pull | poll`"""

import sys
import time

import kinto_http

from workload import records


def main():
    port, verb = sys.argv[1:3]
    client = kinto_http.Client(
        server_url=f"http://127.0.0.1:{port}/v1", auth=("somebody", "secret"), bucket="default",
        collection="note")
    start = time.perf_counter()
    count = 0
    if verb == "push":
        client.create_bucket(id="default", if_not_exists=True)
        client.create_collection(id="note", if_not_exists=True)
        start = time.perf_counter()
        with client.batch() as batch:
            for key, text in records(int(sys.argv[3])):
                batch.create_record(id=key, data={"text": text})
                count += 1
    elif verb == "pull":
        count = sum(len(page["data"]) for page in client.get_paginated_records(_limit=1000))
    else:
        stamp = client.get_records_timestamp()
        start = time.perf_counter()
        client.get_records(_since=stamp)
    print(count, time.perf_counter() - start)


if __name__ == "__main__":
    main()
