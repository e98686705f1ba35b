"""The hub's service: the projects page and its JSON API, a process of its own (design D17)."""
