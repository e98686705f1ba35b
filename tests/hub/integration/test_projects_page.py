"""A real hub: people, projects and who may do what, as a browser meets them."""

import re
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.hub import Hub, LoggedIn

Login = Callable[[str], LoggedIn]
PROJECT_ID = "6d9b5e8c-31d4-4f0a-9c1e-2f7f8a1b0c3d"


@pytest.fixture
def demo_project(login: Login) -> str:
    found = [p for p in login("demo").projects() if p["title"] == "Demo project"]
    assert len(found) == 1
    return str(found[0]["project_id"])


@pytest.fixture
def own_project(login: Login) -> str:
    """A project of demo's alone, fresh for each test."""
    answer = login("demo").api("POST", "projects", {"title": "Own"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["project_id"])


@pytest.fixture
def running_project(login: Login, own_project: str) -> Iterator[str]:
    demo = login("demo")
    assert demo.api("POST", f"projects/{own_project}/start").status_code == 202
    demo.wait_for_state(own_project, "running")
    yield own_project
    demo.api("POST", f"projects/{own_project}/stop")


def test_a_visitor_is_sent_to_the_login(hub: Hub) -> None:
    answer = httpx.get(hub.url, follow_redirects=True)

    assert answer.url.path == "/hub/login"


def test_the_login_page_says_that_this_is_a_demo_and_asks_no_password(hub: Hub) -> None:
    page = httpx.get(f"{hub.url}/hub/login").text

    assert "without a password" in page
    assert "password_input" not in page


def test_after_the_login_comes_the_projects_page(login: Login) -> None:
    landed = login("demo").landed

    assert landed.url.path == "/services/cocalc/"
    assert "<h1>Projects</h1>" in landed.text
    assert re.search(r'<a href="/services/cocalc/open/[0-9a-f-]{36}">Demo project</a>', landed.text)


def test_the_hubs_own_home_page_leads_to_the_projects_and_offers_no_server(login: Login) -> None:
    home = login("demo").get("/hub/home").text

    assert 'href="/services/cocalc/"' in home
    assert "Start" not in home


def test_the_page_runs_no_inline_script_and_cannot_be_framed(login: Login) -> None:
    landed = login("demo").landed

    policy = landed.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|<style", landed.text)


def test_a_title_is_text_and_never_markup(login: Login) -> None:
    demo = login("demo")
    demo.api("POST", "projects", {"title": "<script>alert(1)</script>"})

    assert "&lt;script&gt;alert(1)" in demo.page
    assert "<script>alert" not in demo.page


@pytest.mark.parametrize("title", ["", "   ", "x" * 201, "a\u0000b"])
def test_an_unusable_title_is_refused_with_a_reason(login: Login, title: str) -> None:
    answer = login("demo").api("POST", "projects", {"title": title})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid-input"


@pytest.mark.parametrize("name", [PROJECT_ID, PROJECT_ID.upper(), "no spaces", ""])
def test_nobody_logs_in_as_a_project_or_under_an_unusable_name(login: Login, name: str) -> None:
    assert login(name).landed.status_code == 403


def test_the_demo_project_belongs_to_demo_and_guest(login: Login) -> None:
    (project,) = login("guest").projects()

    assert project["title"] == "Demo project"
    assert [(m["name"], m["group"]) for m in project["members"]] == [
        ("demo", "owner"),
        ("guest", "collaborator"),
    ]


def test_a_request_without_the_page_s_token_is_refused(login: Login) -> None:
    demo = login("demo")

    answer = demo.post("/services/cocalc/api/projects", json={"title": "forged"})

    assert answer.status_code == 403
    assert "forged" not in demo.page


def test_opening_a_stopped_project_shows_its_start(login: Login, own_project: str) -> None:
    answer = login("demo").get(f"/services/cocalc/open/{own_project}")

    assert answer.status_code == 200
    assert f'data-lab="/user/{own_project}/lab"' in answer.text


def test_a_project_starts_opens_and_stops(login: Login, own_project: str) -> None:
    demo = login("demo")
    started = demo.api("POST", f"projects/{own_project}/start").json()
    assert started["state"] == "starting"
    demo.wait_for_state(own_project, "running")

    lab = demo.get(f"/services/cocalc/open/{own_project}")
    assert lab.url.path == f"/user/{own_project}/lab"
    assert "JupyterLab" in lab.text
    assert demo.get(f"/user/{own_project}/api/me").json()["identity"]["username"] == "demo"

    assert demo.api("POST", f"projects/{own_project}/stop").json()["state"] == "opened"
    assert demo.get(f"/user/{own_project}/lab").status_code == 424


def test_the_demo_notebook_is_in_the_demo_project(login: Login, demo_project: str) -> None:
    demo = login("demo")
    demo.api("POST", f"projects/{demo_project}/start")
    demo.wait_for_state(demo_project, "running")

    demo.get(f"/user/{demo_project}/lab")
    answer = demo.get(f"/user/{demo_project}/api/contents/welcome.ipynb")

    assert answer.status_code == 200
    assert answer.json()["type"] == "notebook"
    demo.api("POST", f"projects/{demo_project}/stop")


def test_a_stranger_neither_sees_nor_uses_a_project(login: Login, running_project: str) -> None:
    stranger = login("stranger")

    assert stranger.projects() == []
    for method, path in [
        ("GET", ""),
        ("POST", "/start"),
        ("POST", "/stop"),
        ("POST", "/members"),
        ("DELETE", "/members/demo"),
    ]:
        answer = stranger.api(method, f"projects/{running_project}{path}", {"name": "stranger"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "project-not-found")
    assert stranger.get(f"/services/cocalc/open/{running_project}").status_code == 404
    assert stranger.get(f"/user/{running_project}/lab").status_code == 403


def test_an_unknown_id_answers_like_a_foreign_one(login: Login, own_project: str) -> None:
    stranger = login("stranger")

    foreign = stranger.api("GET", f"projects/{own_project}")
    unknown = stranger.api("GET", f"projects/{uuid.uuid4()}")

    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())


def test_an_added_collaborator_gets_in_and_a_removed_one_is_out_at_once(
    login: Login, running_project: str
) -> None:
    demo, friend = login("demo"), login("friend")
    assert friend.get(f"/user/{running_project}/lab").status_code == 403

    added = demo.api("POST", f"projects/{running_project}/members", {"name": " Friend "})
    assert added.status_code == 200, added.text
    assert [member["name"] for member in added.json()["members"]] == ["demo", "friend"]
    assert friend.get(f"/user/{running_project}/lab").status_code == 200
    assert friend.get(f"/user/{running_project}/api/contents").status_code == 200
    assert [p["project_id"] for p in friend.projects()] == [running_project]

    removed = demo.api("DELETE", f"projects/{running_project}/members/friend")
    assert removed.status_code == 204, removed.text
    assert friend.get(f"/user/{running_project}/api/contents").status_code == 403
    assert friend.projects() == []


def test_an_unknown_name_says_that_the_person_must_log_in_once(
    login: Login, own_project: str
) -> None:
    answer = login("demo").api("POST", f"projects/{own_project}/members", {"name": "noone"})

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown-person"
    assert "logged in once" in answer.json()["error"]["message"]


def test_a_project_is_nobody_to_add(login: Login, own_project: str, demo_project: str) -> None:
    demo = login("demo")

    answers = [
        demo.api("POST", f"projects/{own_project}/members", {"name": name}).json()["error"]["code"]
        for name in (demo_project, str(uuid.uuid4()))
    ]

    assert answers == ["unknown-person", "unknown-person"]


def test_the_owner_cannot_be_removed(login: Login, own_project: str) -> None:
    answer = login("demo").api("DELETE", f"projects/{own_project}/members/demo")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "cannot-remove-owner")


def test_a_collaborator_may_leave(login: Login, own_project: str) -> None:
    login("friend")
    login("demo").api("POST", f"projects/{own_project}/members", {"name": "friend"})

    friend = login("friend")
    assert friend.api("DELETE", f"projects/{own_project}/members/friend").status_code == 204
    assert own_project not in [project["project_id"] for project in friend.projects()]


def test_a_project_s_own_path_leads_to_its_server(login: Login, own_project: str) -> None:
    demo = login("demo")

    answer = demo.get(f"/{own_project}/lab/tree/a%20b.ipynb?x=1")

    passed = [step.headers["Location"] for step in answer.history]
    assert f"/user/{own_project}/lab/tree/a%20b.ipynb?x=1" in passed


def test_people_have_no_server_of_their_own(login: Login) -> None:
    assert login("demo").get("/hub/spawn").status_code == 403


def test_an_unknown_page_is_a_readable_404(login: Login) -> None:
    answer = login("demo").get("/services/cocalc/nonsense")

    assert answer.status_code == 404
    assert "There is no such page" in answer.text
