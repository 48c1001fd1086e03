# Built with the same lock as everything else; the final image has no pip cache, no sources, and writes only to its volume:
#   docker run --read-only --cap-drop ALL -v aiops:/var/lib/aiops -p 127.0.0.1:9464:9464 aiops
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/aiops && python -m venv /opt/build
RUN /opt/aiops/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements.txt
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY aiops ./aiops
COPY models ./models
COPY runbooks ./runbooks
COPY deploy ./deploy
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist && /opt/aiops/bin/pip install --no-cache-dir --no-compile --no-deps /dist/*.whl
RUN /opt/aiops/bin/python -m compileall -q -j 0 /opt/aiops/lib

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="aiops" \
      org.opencontainers.image.description="Early warnings that carry their own track record." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/aiops /opt/aiops
RUN install -d -o 65532 -g 65532 -m 0750 /var/lib/aiops
# One thread for the linear algebra: the daemon runs its sources side by side already.
ENV PATH=/opt/aiops/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    HOME=/var/lib/aiops \
    AIOPS_DATA_DIR=/var/lib/aiops \
    AIOPS_WEB__LISTEN=0.0.0.0:9464 \
    AIOPS_WEB__OPEN=true
USER 65532:65532
WORKDIR /var/lib/aiops
VOLUME /var/lib/aiops
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s --retries=3 CMD ["aiops", "healthcheck", "http://127.0.0.1:9464"]
ENTRYPOINT ["aiops"]
CMD ["run"]
