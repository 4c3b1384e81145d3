"""Checks of a game's rules, for its author: whether they keep what the protocol of rules asks for (`check_rules`), and
whether anybody is told what they may not know (`assert_no_leak`). They come with the extra `croupier[testing]`, and
pytest finds both as fixtures of these names; `docs/test-your-game.md` begins with them.

    from net.testing.rules import assert_no_leak, check_rules

    def test_my_rules() -> None:
        check_rules(MyRules())

    def test_nobody_sees_what_they_may_not() -> None:
        assert_no_leak(MyRules())
"""

from net.testing.rules.broken import Finding, Leak, RulesBroken, Where
from net.testing.rules.conformance import Checked, check_rules
from net.testing.rules.leaks import Watched, assert_no_leak

__all__ = ["Checked", "Finding", "Leak", "RulesBroken", "Watched", "Where", "assert_no_leak", "check_rules"]
