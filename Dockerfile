# The image of all of GAS's programs: manage.py run prepare, run web, run annotate …
# State lives in /var/lib/gas, a volume; everything else may be read-only.

FROM python:3.11.14-slim-trixie AS build
# pycurl and others come as wheels; nothing is compiled here.
RUN python -m venv /opt/gas/.venv
COPY requirements/base.txt /tmp/base.txt
RUN /opt/gas/.venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/base.txt

FROM python:3.11.14-slim-trixie
# pg_dump and pg_restore, for manage.py backup and restore_backup: never older than the server.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/gas --create-home --shell /usr/sbin/nologin gas
COPY --from=build /opt/gas/.venv /opt/gas/.venv
WORKDIR /opt/gas
COPY manage.py LICENSE ./
COPY gas gas
COPY accounts accounts
COPY annotations annotations
COPY archival archival
COPY templates templates
COPY docs docs
COPY static static
COPY reference reference
RUN python -m compileall -q gas accounts annotations archival
USER gas
ENV PATH=/opt/gas/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 GAS_VAR_DIR=/var/lib/gas GAS_BIND=0.0.0.0
VOLUME /var/lib/gas
EXPOSE 8000
ENTRYPOINT ["python", "manage.py"]
CMD ["help"]
