# Build with `make image`: docker, buildah and podman want different options, and tests/container/tool.sh knows them.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# What changes seldom comes first: a change of the code then leaves the layer of the dependencies as it is.
COPY requirements requirements
RUN python -m venv --without-pip /opt/tap \
 && pip install --quiet --require-hashes -r requirements/build.txt \
 && pip --python /opt/tap/bin/python install --quiet --require-hashes -r requirements/runtime.txt
COPY pyproject.toml LICENSE README.md ./
COPY protocol protocol
COPY emulator emulator
COPY scenarios scenarios
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/tap/bin/python install --quiet --no-deps --no-index dist/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="tap-emulator" \
      org.opencontainers.image.description="A virtual IoTize Tap for tests without hardware" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/tap /opt/tap
# Nobody can write bytecode later (read-only file system, no root), so all of it is made here; the base image ships the
# standard library without. `unchecked-hash` keeps it valid when a tool changes the times of files in a layer.
RUN python -m compileall -q -f --invalidation-mode unchecked-hash /opt/tap/lib \
 && python -m compileall -q -f --invalidation-mode unchecked-hash -x '/(test|tests|idlelib|ensurepip|site-packages)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && install -d -o 10001 -g 10001 /state
ENV PATH=/opt/tap/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TAP_CONTROL="http://0.0.0.0:2100" \
    TAP_LISTEN="tcp://0.0.0.0:2000 ws://0.0.0.0:2080 rfc2217://0.0.0.0:2217" \
    TAP_LOG=json \
    TAP_STATE=/state/tap.sqlite
# A number and no name, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /state
EXPOSE 2000 2080 2100 2217
STOPSIGNAL SIGTERM
# The first probes follow each other quickly, so that a test which waits for `healthy` does not wait for the interval.
HEALTHCHECK --interval=10s --timeout=3s --retries=3 --start-period=5s --start-interval=100ms \
    CMD ["tap-emulator", "health"]
# No shell in between: the signal to stop arrives at the emulator itself.
ENTRYPOINT ["tap-emulator"]
CMD ["serve"]
