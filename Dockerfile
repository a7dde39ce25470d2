# The operator's image: the locked environment and nothing else. Runs as nobody, on a read-only file system.
# A release pins what it is made from: --build-arg PYTHON=3.13-slim@sha256:...
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/serin \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir 'uv>=0.9,<1'
WORKDIR /src
# Dependencies are a layer of their own: a change of the code does not fetch them again.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra tracing --no-install-project
COPY LICENSE README.md ./
COPY operator operator
RUN uv sync --frozen --no-dev --extra tracing --no-editable

FROM python:${PYTHON}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="serin" \
      org.opencontainers.image.description="Kubernetes operator for careful rollouts of machine-learning models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/serin /opt/serin
# The judge's arrays are short: threads for them would only cost memory.
ENV OPENBLAS_NUM_THREADS=1 \
    PATH=/opt/serin/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 65532:65532
# The kubelet asks /healthz and /readyz.
HEALTHCHECK NONE
ENTRYPOINT ["serin"]
CMD ["run"]
