# `docker build -t tenfold .` makes a server of this checkout: the core and the extra `serve`, no torch.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
RUN python -m venv /opt/tenfold
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/tenfold/bin/pip install --no-cache-dir --no-compile '.[serve]'

FROM python:${PYTHON}-slim
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin tenfold
COPY --from=build /opt/tenfold /opt/tenfold
# Nothing is written beside the code, so that the root may be read-only. Corrections, where they are
# asked for, are kept in /data, which is the one place to mount.
ENV PATH=/opt/tenfold/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 XDG_DATA_HOME=/data
RUN install --directory --owner=tenfold /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=4)"]
# It listens to all, and so asks for a token: TENFOLD_TOKEN, or --token-file and a mounted file.
ENTRYPOINT ["tenfold", "serve", "--host", "0.0.0.0"]
CMD ["--log", "json"]
