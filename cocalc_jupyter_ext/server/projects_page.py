"""The way back from a project's pages to the hub's list of projects."""

from collections.abc import Mapping
from typing import Any

__all__ = ["tell_pages"]

PAGE_OPTION = "cocalcProjectsUrl"


def tell_pages(
    settings: dict[str, Any], environment: Mapping[str, str], hub_service_name: str
) -> None:
    """Give JupyterLab's pages the address of the projects page, if this is a project of a hub."""
    base_url = environment.get("JUPYTERHUB_BASE_URL")
    if base_url is not None and "COCALC_PROJECT_ID" in environment:
        host = environment.get("JUPYTERHUB_HOST", "")
        url = f"{host}{base_url}services/{hub_service_name}/"
        settings.setdefault("page_config_data", {})[PAGE_OPTION] = url
