# syntax=docker/dockerfile:1
# One image for Airflow, dbt, Great Expectations and Rapport: the locked environment, the code,
# and a user without rights. Built by `docker compose build`; see docs/service.md.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    LANG=C.UTF-8

WORKDIR /opt/rapport

# The run-time lock is complete and hashed: nothing is resolved, nothing unhashed is installed,
# and no test tool.
COPY requirements.txt ./
RUN pip install --no-deps --require-hashes -r requirements.txt

COPY . ./
RUN pip install --no-deps --no-build-isolation -e . \
    && python -m compileall -q dags plugins demo pipeline expectations transforms reports \
    && groupadd --gid 10001 rapport \
    && useradd --uid 10001 --gid rapport --home-dir /opt/airflow --create-home \
       --shell /usr/sbin/nologin rapport \
    && install -d -o rapport -g rapport -m 0750 /var/lib/rapport /var/lib/rapport/reports \
       /var/log/airflow

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/rapport/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/rapport/plugins \
    RAPPORT_HOME=/var/lib/rapport \
    RAPPORT_CONFIG=/opt/rapport/config \
    PYTHONPATH=/opt/rapport \
    DO_NOT_TRACK=1 \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    GX_ANALYTICS_ENABLED=false

USER rapport
ENTRYPOINT []
CMD ["rapport", "--help"]
