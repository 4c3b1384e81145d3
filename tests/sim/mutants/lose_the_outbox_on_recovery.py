"""A session is recovered, and what was pushed to it meanwhile is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.comeback import Comeback

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from actors.connections import Resume
    from actors.messages import Push
    from net.session import Session


def mutate(patch: pytest.MonkeyPatch) -> None:
    recover = Comeback.recover

    def forgetful(
        self: Comeback, session: Session, resume: Resume, done: Callable[[tuple[Push, ...] | None], None]
    ) -> None:
        recover(self, session, resume, lambda pushes: done(None if pushes is None else ()))

    patch.setattr(Comeback, "recover", forgetful)
