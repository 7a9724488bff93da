#!/bin/sh
# Install NeuroFM-BIDS from a source tree, with the locked packages, into a new virtual environment without pip:
#   tools/install.sh SOURCE ENVIRONMENT [cpu|cuda]
# All files from package indices are compared with the SHA-256 in the locks before anything of them is used.
# TORCH_INDEX: package index with the CPU build of PyTorch; the others come from the default index.
set -eu
source=$(cd "$1" && pwd)
environment=$2
device=${3:-cpu}
lock=$source/requirements
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

case $device in
    cpu | cuda) ;;
    *)
        echo "install.sh: the device is cpu or cuda, not $device" >&2
        exit 64
        ;;
esac

python3 -m venv "$scratch/build"
pip="$scratch/build/bin/python -m pip --disable-pip-version-check --no-cache-dir"
if [ "$device" = cpu ]; then
    # Plain torch may be the CUDA build: with the local version label, the next command fails without a CPU build.
    torch=$(sed -n 's/^\(torch==[0-9.]*\).*/\1+cpu/p' "$lock.lock")
    $pip download --no-deps --only-binary :all: --dest "$scratch/torch" \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$torch"
    echo "$torch" > "$scratch/limits"
    set -- -r "$lock.lock" -c "$scratch/limits" --find-links "$scratch/torch"
else
    set -- -r "$lock.lock" -r "$lock-cuda.lock"
fi
$pip install --require-hashes -r "$lock-build.lock"
$pip wheel --no-build-isolation --require-hashes --wheel-dir "$scratch/wheels" "$@"
$pip wheel --no-build-isolation --no-deps --wheel-dir "$scratch/wheels" "$source"

python3 -m venv --without-pip "$environment"
$pip --python "$environment/bin/python" install --no-index --find-links "$scratch/wheels" neurofm-bids

# Tests of packages, and headers for compilers: nothing of this is imported or loaded at run time.
cd "$environment"/lib/python3*/site-packages
rm -rf matplotlib/tests pandas/tests prov/tests pyarrow/include pyarrow/tests torch/include torch/test \
    torch/bin/test_* torch/bin/*Test torch/bin/protoc*
