# One image for frontend, backend and worker: SERVICE_ROLE says which (coursebundler/start.py). `make image` builds it,
# runs it and shows what it promises; docs/decisions/0040-drain.md and deploy/image/ say more.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm

# --- Everything that is needed to build, and not to run ---
FROM ${PYTHON_IMAGE} AS build
# For building behind a mirror or a proxy of one's own; they leave no trace in the image.
ARG PIP_INDEX_URL PIP_CERT
WORKDIR /app
# The dependencies alone, so that a change of code does not install them again. Wheels only: nothing is compiled.
COPY requirements/base.txt requirements/base.txt
RUN python3 -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --require-hashes \
        --only-binary :all: -r requirements/base.txt \
    && /venv/bin/pip uninstall --yes --quiet pip setuptools \
    # Sources of translations and of compiled modules, packages' own tests, and botocore's descriptions of the 400
    # services of AWS that nothing here asks: 50 MB.
    && find /venv \( -name '*.po' -o -name '*.c' -o -name '*.pyx' -o -name '*.h' \) -delete \
    && rm -rf /venv/lib/python3*/site-packages/*/tests \
    && find /venv/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name secretsmanager ! -name sts -exec rm -r {} +
COPY . .
# Hashed and compressed static files need no secret: DEBUG=true stands in for all of them, here and nowhere else.
# The compiled files are never checked against their sources, whose times a copy may change.
RUN DEBUG=true DATA_DIR=/tmp/build STATIC_ROOT=/app/static_files /venv/bin/python manage.py collectstatic --no-input -v0 \
    && rm -r /tmp/build static/* requirements \
    && find static_files -name '*.map*' -delete \
    && /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv /app

# --- What runs ---
FROM ${PYTHON_IMAGE}
# Nobody installs anything here. /data is for SQLite alone: a volume that is mounted there belongs to the same user.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* /usr/lib/python3*/ensurepip \
        /usr/local/lib/python3*/ensurepip /usr/share/python-wheels \
    && groupadd --gid 10001 app \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \
    && install --directory --owner 10001 --group 10001 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=coursebundler.settings \
    STATIC_ROOT=/app/static_files
WORKDIR /app
USER 10001:10001
EXPOSE 8000
# On Fargate an empty volume is root's unless the image declares one at that path, which then keeps its rights (1777):
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html, read 2026-11-22.
VOLUME ["/tmp"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "coursebundler.healthcheck"]
CMD ["python", "-m", "coursebundler.start"]
# Last, since they differ from build to build.
ARG VERSION=unknown REVISION=unknown CREATED=unknown
LABEL org.opencontainers.image.title="CourseBundler" \
      org.opencontainers.image.description="An online school: site, API and worker in one image" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
