"""Which logical time a commit gets (syncdoc-jupyter §1.9, §13 "Patch list")."""

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.commits import MAX_STEP_MS, next_time


def commit(now_ms: int, own_last: int, newest: int, user_id: int, users: int, step: int = 0) -> int:
    return next_time(
        now_ms,
        own_last=own_last,
        newest=newest,
        user_id=user_id,
        users=users,
        choose=lambda count: min(step, count - 1),
    )


def test_the_clock_is_used_where_nothing_is_in_the_way() -> None:
    assert commit(1000, 0, 0, 0, 1) == 1000
    assert 1000 <= commit(1000, 0, 0, 2, 3) < 1003


def test_two_commits_in_one_millisecond_have_different_times() -> None:
    first = commit(1000, 0, 0, 0, 1)

    assert commit(1000, first, first, 0, 1) > first


@given(
    st.integers(0, 10**13),
    st.integers(0, 10**13),
    st.integers(0, 10**13),
    st.integers(1, 50).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))),
    st.integers(0, MAX_STEP_MS),
)
def test_a_time_is_newer_than_all_that_were_seen_and_belongs_to_its_user(
    now_ms: int, own_last: int, newest: int, user: tuple[int, int], step: int
) -> None:
    user_id, users = user
    newest = max(newest, own_last)

    time = commit(now_ms, own_last, newest, user_id, users, step)

    assert time > newest
    assert time % users == user_id
    assert time <= max(now_ms, newest) + MAX_STEP_MS + users + 2


@given(st.integers(0, 10**13), st.integers(2, 9))
def test_two_users_never_choose_the_same_time(now_ms: int, users: int) -> None:
    assert len({commit(now_ms, 0, now_ms, user, users) for user in range(users)}) == users
