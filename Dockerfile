# The rig with all it needs: docker build -t rig . && docker run --rm -it --device /dev/kvm rig compare base patched
ARG BASE=debian:bookworm-slim
FROM ${BASE}
WORKDIR /opt/rig
COPY packages.txt ./
RUN apt-get update \
 && sed '/^# for the tests alone$/,$d; s/#.*//' packages.txt | DEBIAN_FRONTEND=noninteractive xargs apt-get install -qy --no-install-recommends \
 && rm -rf /var/lib/apt/lists/*
COPY . .
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir --quiet --editable '.[dev]' && touch .venv/.installed
ENV PATH=/opt/rig/.venv/bin:$PATH
ENTRYPOINT ["rig"]
CMD ["--help"]
