# Sourced by Tools/demo and Tools/test: puts in place what they need beside Swift.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*" >&2; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_package() { # DEBIAN_NAME BREW_NAME
  if command -v apt-get >/dev/null; then
    say "installing $1"
    as_root apt-get update -qq >&2 && as_root apt-get install -y -qq "$1" >&2
  elif command -v brew >/dev/null; then
    say "installing $2"
    brew install -q "$2" >&2
  else
    echo "$1 is missing and neither apt-get nor brew is here to install it" >&2
    return 1
  fi
}

need_lmdb() {
  printf '#include <lmdb.h>\n' | cc -E -I/opt/homebrew/include -I/usr/local/include - >/dev/null 2>&1 ||
    install_package liblmdb-dev lmdb
}

need_zlib() {
  printf '#include <zlib.h>\n' | cc -E - >/dev/null 2>&1 || install_package zlib1g-dev zlib
}

need_python() {
  command -v python3 >/dev/null || install_package python3 python3
}

need_postgresql() {
  if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; then return; fi
  install_package postgresql postgresql
}

# Sets $python to an interpreter that has the packages the black-box checks use.
need_python_packages() {
  need_python
  python=python3
  if python3 -c 'import cryptography, kinto, kinto_http, psycopg2' 2>/dev/null; then return; fi
  local place="$project/.build-python"
  if [ ! -x "$place/bin/python" ]; then
    python3 -m venv "$place" 2>/dev/null || { install_package python3-venv python3 && python3 -m venv "$place"; }
  fi
  python="$place/bin/python"
  if "$python" -c 'import cryptography, kinto, kinto_http, psycopg2' 2>/dev/null; then return; fi
  say "installing cryptography and Kinto for the black-box checks"
  "$python" -m pip install -q --disable-pip-version-check cryptography \
    'kinto[postgresql]==26.5.0' kinto-http==11.11.0 >&2
}
