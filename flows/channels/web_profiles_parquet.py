"""The web profiles as Parquet, for a warehouse or a website that reads columns: the same rows as `web_profiles`."""

from __future__ import annotations

from dataclasses import replace

from flows.channels import web_profiles

TARGET = replace(web_profiles.TARGET, name="web_profiles_parquet", file_format="parquet")
