"""Who takes part in a document, by number (syncdoc-jupyter §1.4, §1.9).

The list of users is a field of the document's record, and a user id is an index into it. All
write the whole list, so of two who join at once one may have been overwritten.
"""

from .coordination import participation, settled_users
from .stores import RecordStore

__all__ = ["Participants"]


class Participants:
    """The users of one document; ``own_name`` is who commits here.

    With ``keeps_places`` everybody is put back where they were first seen; of all who follow a
    document, one does that.
    """

    def __init__(self, record: RecordStore, own_name: str, *, keeps_places: bool = False) -> None:
        self.own_name = own_name
        self._record = record
        self._keeps_places = keeps_places
        self._seen: list[str] = []

    @property
    def names(self) -> list[str]:
        """Who takes part or has taken part."""
        return list(self._record.get()["users"])

    @property
    def own_id(self) -> int:
        """The number under which one commits here."""
        return self.names.index(self.own_name)

    def join(self, name: str) -> int:
        """Return the number of a user, who takes part from now on."""
        changes, user_id = participation(self._record.get(), name)
        self._record.update(changes)
        return user_id

    def stay(self) -> None:
        """Be in the list, and let everybody be in their places, whatever was written over it."""
        self.join(self.own_name)
        if self._keeps_places:
            names = self.names
            settled = settled_users(self._seen, names)
            if settled != names:
                self._record.update({"users": settled})
            self._seen = settled
