"""Who may use which subject in a project's own server.

The server has one project. Whoever Jupyter Server lets in is treated as a collaborator of
that project and of no other; nobody is a site administrator here (conat-core §12).
"""

from ..conat.broker.permissions import IfAdmin, IfCollaborator, Verdict, policy
from ..conat.types import Operation, ProjectId, User

__all__ = ["ProjectAuthorizer"]


class ProjectAuthorizer:
    """Answers what the policy leaves open."""

    def __init__(self, project_id: ProjectId) -> None:
        self._project_id = project_id

    def allows(self, user: User | None, subject: str, operation: Operation) -> bool:
        """Return whether the user may publish or subscribe to the subject or pattern."""
        match policy(user, subject, operation):
            case Verdict() as verdict:
                return verdict is Verdict.ALLOW
            case IfCollaborator(project_id):
                return project_id == self._project_id
            case IfAdmin():
                return False
