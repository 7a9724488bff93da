# NeuroFM-BIDS for the CPU, or for NVIDIA GPUs with --build-arg DEVICE=cuda.
#   docker build -t neurofm-bids .
#   docker run --rm --network none --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -u "$(id -u):$(id -g)" -v BIDS:/data:ro -v OUT:/out -v SCRATCH:/scratch neurofm-bids /data /out participant -w /scratch
FROM python:3.11-slim-bookworm AS build

ARG DEVICE=cpu
# Package index with the CPU build of PyTorch.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

COPY tools/install.sh requirements.lock requirements-cuda.lock requirements-build.lock /src/
COPY pyproject.toml README.md LICENSE /src/
COPY neurofm_bids /src/neurofm_bids
RUN TORCH_INDEX="$TORCH_INDEX" sh /src/install.sh /src /opt/neurofm "$DEVICE"


FROM python:3.11-slim-bookworm

COPY --from=build /opt/neurofm /opt/neurofm

# For any user, with a read-only root and no network: only the temporary folder is writable.
ENV HOME=/tmp \
    LC_ALL=C.UTF-8 \
    NO_ET=1 \
    PATH=/opt/neurofm/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1

ARG NEUROFM_DOCKER_TAG=neurofm-bids:0.1.0
ENV NEUROFM_DOCKER_TAG=${NEUROFM_DOCKER_TAG}

LABEL org.opencontainers.image.title="NeuroFM-BIDS" \
      org.opencontainers.image.description="NeuroFM features, predictions and quality control from T1-weighted MRI" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"

# By number: no account is needed, and orchestrators that refuse root can check it.
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["neurofm"]
