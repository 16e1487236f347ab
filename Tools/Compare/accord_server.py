"""Accord's server over waitress, as its documentation says. `accord_server.py PORT`"""

import os
import sys

import waitress
from accordsync_core import define_schema, lww
from accordsync_server import Access, AccordServer, Auth, create_pool, define_server

SECRET = "a secret of the comparison, which no one else uses"

definition = define_server(
    schema=define_schema({"note": {"text": lww()}}), scopes={"note": lambda record: ["all"]},
    access=lambda claims: Access(read=["all"], write=["all"]), auth=Auth.hs256(SECRET),
    rate_limit=False)

if __name__ == "__main__":
    app = AccordServer(definition, create_pool(os.environ["ACCORD_DATABASE_URL"])).wsgi
    waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=4)
