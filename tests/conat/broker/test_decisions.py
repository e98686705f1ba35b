"""conat-core §12.2; design §5 (g); SPEC P9, P10."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.decisions import DecisionCache
from cocalc_jupyter_ext.conat.types import Operation, User

from ...support import virtual_time

A, B = User("account", "a"), User("account", "b")


class Members:
    """A database of members that takes a second to answer, unless it ``knows`` at once."""

    def __init__(self, *members: User, knows: bool = False) -> None:
        self.members = set(members)
        self.asked = 0
        self._knows = knows

    def allows(self, user: User | None, subject: str, operation: Operation) -> Any:
        self.asked += 1
        return user in self.members if self._knows else self._look_up(user)

    async def _look_up(self, user: User | None) -> bool:
        answer = user in self.members
        await asyncio.sleep(1)
        return answer


def cache_of(members: Members, **options: Any) -> DecisionCache:
    return DecisionCache(members, clock=asyncio.get_running_loop().time, **options)


async def decide(cache: DecisionCache, user: User, subject: str = "x") -> bool:
    answer = cache.allows(user, subject, "pub")
    return answer if isinstance(answer, bool) else await answer


@pytest.mark.parametrize("user", [A, B])
def test_an_answer_holds_for_a_minute_whatever_it_is(user: User) -> None:
    async def check() -> None:
        members = Members(A)
        cache = cache_of(members)
        first = await decide(cache, user)
        members.members = {B}
        await asyncio.sleep(59)

        assert first == (user == A)
        assert cache.allows(user, "x", "pub") is first
        assert members.asked == 1
        await asyncio.sleep(2)
        assert await decide(cache, user) is not first

    virtual_time.run(check())


def test_users_subjects_and_operations_are_decided_for_themselves() -> None:
    async def check() -> None:
        members = Members(A)
        cache = cache_of(members)
        await decide(cache, A)
        others: list[tuple[User, str, Operation]] = [
            (B, "x", "pub"),
            (A, "y", "pub"),
            (A, "x", "sub"),
            (User("project", "a"), "x", "pub"),
        ]
        for key in others:
            answer = cache.allows(*key)
            assert not isinstance(answer, bool)
            await answer

        assert members.asked == cache.size == 5

    virtual_time.run(check())


def test_what_is_known_at_once_is_not_kept() -> None:
    async def check() -> None:
        members = Members(A, knows=True)
        cache = cache_of(members)

        assert cache.allows(A, "x", "pub") is True
        members.members.clear()
        assert cache.allows(A, "x", "pub") is False
        assert cache.size == 0

    virtual_time.run(check())


def test_the_oldest_answers_make_room() -> None:
    async def check() -> None:
        members = Members(A)
        cache = cache_of(members, max_entries=2)
        for subject in ("x", "y", "x", "z"):
            await decide(cache, A, subject)

        assert cache.size == 2
        assert members.asked == 3
        assert cache.allows(A, "y", "pub") is True
        await decide(cache, A, "x")
        assert members.asked == 4

    virtual_time.run(check())


def test_g_a_removed_collaborator_is_asked_about_again() -> None:
    """conat-core §21, Permission policy: a collaborator uses the project's subjects; a decision
    outlives revocation; another project is refused.
    """

    async def check() -> None:
        members = Members(A, B)
        cache = cache_of(members)
        assert await decide(cache, A)
        assert await decide(cache, B)
        members.members.clear()
        cache.forget(A)

        assert not await decide(cache, A)
        assert cache.allows(B, "x", "pub") is True  # nobody spoke of B

    virtual_time.run(check())


def test_g_an_answer_under_way_does_not_outlive_the_removal() -> None:
    async def check() -> None:
        members = Members(A)
        cache = cache_of(members)
        asking = asyncio.ensure_future(decide(cache, A))
        await asyncio.sleep(0.5)
        members.members.clear()
        cache.forget(A)

        assert not await asking
        assert cache.allows(A, "x", "pub") is False

    virtual_time.run(check())


def test_a_failed_lookup_is_not_an_answer() -> None:
    class Broken:
        async def allows(self, user: User | None, subject: str, operation: Operation) -> bool:
            raise RuntimeError("the database is gone")

    async def check() -> None:
        cache = DecisionCache(Broken(), clock=asyncio.get_running_loop().time)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await decide(cache, A)
        assert cache.size == 0

    virtual_time.run(check())
