"""Who is told of what: config/notify.yml, read and checked. Secrets stay in the environment."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.home import Home
from pipeline.storage.site_settings import read_settings, schema_of

FILE = "notify.yml"
PASSWORD, WEBHOOK_URL = "RAPPORT_SMTP_PASSWORD", "RAPPORT_WEBHOOK_URL"
Kind = Literal["success", "failure", "approval", "late", "few_rows"]


class _Channel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: tuple[Kind, ...] = Field(
        ("failure", "approval", "late", "few_rows"), description="What it is used for"
    )


class Email(_Channel):
    """E-mail by a host, or by the SMTP connection that Airflow knows."""

    to: tuple[str, ...] = Field(min_length=1, description="Addresses")
    sender: str = Field("rapport@localhost", description="Address it comes from")
    host: str | None = Field(None, description="SMTP server")
    port: int = Field(25, ge=1, le=65535, description="Its port")
    security: Literal["none", "starttls", "tls"] = Field("none", description="Encryption")
    user: str | None = Field(None, description=f"Name to sign in with {PASSWORD}")
    connection: str | None = Field(None, description="Airflow's id of a connection, in place of it")

    @model_validator(mode="after")
    def _has_a_way(self) -> Email:
        if (self.host is None) == (self.connection is None):
            raise ValueError("give either host or connection")
        return self


class Webhook(_Channel):
    """A JSON POST to an address."""

    url: str | None = Field(None, description=f"Address; {WEBHOOK_URL} wins")

    @property
    def address(self) -> str:
        """Return where to post; empty where nobody said it."""
        return os.environ.get(WEBHOOK_URL) or self.url or ""


class Notify(BaseModel):
    """The file config/notify.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Email | None = Field(None, description="E-mail; left out: none")
    webhook: Webhook | None = Field(None, description="Webhook; left out: none")


def load_notify(home: Home) -> Notify:
    """Read and check config/notify.yml; without the file only notifications.jsonl is written."""
    return read_settings(home, FILE, Notify, "See docs/operations.md")


def notify_schema() -> str:
    """Return the text of config/schema/notify.schema.json."""
    return schema_of(Notify)
