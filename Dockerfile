# syntax=docker/dockerfile:1
# Keepwell as a scheduled container. Build:
#   docker build -t keepwell --build-arg REVISION=$(git rev-parse HEAD) --build-arg CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ) .
# Run:   docker run --rm -v keepwell:/data -v ./keepwell.yaml:/etc/keepwell/keepwell.yaml:ro --env-file secrets.env keepwell sync
FROM python:3.13-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN python -m venv /opt/keepwell && /opt/keepwell/bin/pip install --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md cli.py ./
COPY config config
COPY connectors connectors
COPY dashboard dashboard
COPY mapping mapping
COPY notify notify
COPY sandbox sandbox
COPY store store
COPY sync sync
COPY verbs verbs
RUN /opt/keepwell/bin/pip install --no-deps --no-build-isolation .

FROM python:3.13-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Keepwell" \
      org.opencontainers.image.description="Health scores, lifecycle stages and renewal statuses for HubSpot, Salesforce and Gainsight" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.vendor="Keepwell" \
      org.opencontainers.image.documentation="docs/deploy.md"
RUN groupadd --system --gid 10001 keepwell \
 && useradd --system --uid 10001 --gid keepwell --home-dir /data --shell /usr/sbin/nologin keepwell \
 && install -d -o keepwell -g keepwell /data
COPY --from=build /opt/keepwell /opt/keepwell
# PYTHONSAFEPATH keeps a folder called config/ or sync/ in the working directory from shadowing ours.
# No KEEPWELL_STORE: a variable would win over the configuration and the secret files; the default is keepwell.db in /data.
ENV PATH=/opt/keepwell/bin:$PATH \
    PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    KEEPWELL_CONFIG=/etc/keepwell/keepwell.yaml
USER 10001:10001
WORKDIR /data
VOLUME /data
# Unhealthy when no run ended well for 26 hours (a daily schedule with two hours of grace).
HEALTHCHECK --interval=5m --timeout=20s --start-period=26h --retries=1 \
  CMD ["keepwell", "status", "--max-age", "26h"]
ENTRYPOINT ["keepwell"]
CMD ["sync"]
