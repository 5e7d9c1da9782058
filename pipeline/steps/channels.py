"""The ways a message leaves: e-mail and webhook. Whatever they raise, `notify` counts it."""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage

from pipeline.storage.notify_settings import PASSWORD, Email, Notify, Webhook
from transforms.errors import ConfigError
from transforms.statistics.withheld import Record

SECONDS = 15  # a server that does not answer holds nobody up for longer


def send_email(email: Email, rows: Sequence[Record]) -> None:
    """Send one message with a line for each row."""
    message = EmailMessage()
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    message["Subject"] = f"Rapport: {rows[0]['kind'].replace('_', ' ')}{more}"
    message["From"], message["To"] = email.sender, ", ".join(email.to)
    message.set_content("\n\n".join(map(_lines, rows)) + "\n")
    if email.connection:
        email = _as_airflow_knows(email, email.connection)
    context = ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(email.host or "", email.port, timeout=SECONDS, context=context)
        if email.security == "tls"
        else smtplib.SMTP(email.host or "", email.port, timeout=SECONDS)
    ) as server:
        if email.security == "starttls":
            server.starttls(context=context)
        if email.user:
            server.login(email.user, os.environ.get(PASSWORD, ""))
        server.send_message(message)


def send_webhook(webhook: Webhook, rows: Sequence[Record]) -> None:
    """Post the rows as ``{"text": …, "notices": […]}``; the text is what chat programs show."""
    import httpx

    if not webhook.address:
        raise ConfigError("config/notify.yml", "webhook: no url", "Give one")
    content = {"text": "\n".join(row["text"] for row in rows), "notices": list(rows)}
    httpx.post(webhook.address, json=content, timeout=SECONDS).raise_for_status()


def ways(notify: Notify) -> dict[str, tuple[tuple[str, ...], Callable[[list[Record]], None]]]:
    """Return the channels that are set up, by name: which kinds they are for, and how to send."""
    found: dict[str, tuple[tuple[str, ...], Callable[[list[Record]], None]]] = {}
    if email := notify.email:
        found["e-mail"] = email.kinds, lambda rows: send_email(email, rows)
    if webhook := notify.webhook:
        found["webhook"] = webhook.kinds, lambda rows: send_webhook(webhook, rows)
    return found


def _lines(row: Record) -> str:
    counts = (f"  {name.replace('_', ' ')}: {n:,}" for name, n in row["counts"].items())
    return "\n".join([row["text"], *counts])


def _as_airflow_knows(email: Email, name: str) -> Email:
    """Take server and user from a connection of Airflow; its password goes where ours does."""
    from airflow.sdk import Connection

    known = Connection.get(name)
    extra = known.extra_dejson
    security = "none" if extra.get("disable_ssl") else "tls"
    if security == "none" and not extra.get("disable_tls"):
        security = "starttls"
    if known.password:
        os.environ[PASSWORD] = known.password
    told = {"host": known.host, "port": known.port or 25, "security": security, "user": known.login}
    return email.model_copy(update=told)
