"""The line for the terminal."""

from cocalc_hub_ext.server.boot import welcome_line


def test_a_demo_says_where_to_click_and_with_which_names() -> None:
    assert welcome_line("http://127.0.0.1:8000", demo=True) == (
        'cocalc-jupyter: open http://127.0.0.1:8000 , log in as "demo" (and as "guest" in a '
        'second browser or private window); no password. Then click "Demo project".'
    )


def test_a_hub_with_real_people_says_where() -> None:
    assert welcome_line("https://hub.example.org", demo=False) == (
        "cocalc-jupyter: open https://hub.example.org"
    )
