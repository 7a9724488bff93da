# NeuroFM-BIDS on the CPU.
#   docker build -t neurofm-bids .
#   docker run --rm --network none --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -u "$(id -u):$(id -g)" -v BIDS:/data:ro -v OUT:/out neurofm-bids /data /out participant
FROM python:3.11-slim-bookworm

# Plain `torch` may be the CUDA build: with the local version label, the build fails instead of installing it.
ARG TORCH=torch==2.13.0+cpu
# Additional package index for PyTorch, if the default index has no CPU build.
ARG TORCH_INDEX=

COPY requirements.lock /src/
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        -c /src/requirements.lock ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$TORCH"

COPY pyproject.toml README.md LICENSE /src/
COPY neurofm_bids /src/neurofm_bids
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        -c /src/requirements.lock /src \
    && rm -rf /src

# For any user, with a read-only root and no network: only the temporary folder is writable.
ENV HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    NO_ET=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1

ARG NEUROFM_DOCKER_TAG=neurofm-bids:0.1.0
ENV NEUROFM_DOCKER_TAG=${NEUROFM_DOCKER_TAG}

# By number: no account is needed, and orchestrators that refuse root can check it.
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["neurofm"]
