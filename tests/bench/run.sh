#!/bin/sh
# Measures vitqc against ONNX Runtime and OpenVINO: makes a virtual environment
# with the peers (from PyPI, about 700 MB) in the cache folder and runs
# bench.py there. `tests/bench/run.sh --help` lists the options; nothing of
# this is needed to build, test or use vitqc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vitqc-bench
wanted=$here/requirements.txt
venv=$cache/venv

case " $* " in
*" --help "* | *" -h "*) exec python3 "$here/bench.py" --help ;;
esac

if ! cmp -s "$wanted" "$venv/installed.txt"; then
    echo "installing the peers into $venv"
    mkdir -p "$cache"
    python3 -m venv "$venv" || {
        echo "no virtual environment: on Debian, install python3-venv" >&2
        exit 1
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        -r "$wanted" || {
        echo "the peers cannot be installed from PyPI: pip says why above" >&2
        exit 1
    }
    cp "$wanted" "$venv/installed.txt"
fi
exec "$venv/bin/python" -B "$here/bench.py" "$@"
