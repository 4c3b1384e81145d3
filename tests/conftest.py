"""What holds for all tests."""

from hypothesis import settings

# A property does not become false because the machine is busy: no time is asserted in a test.
settings.register_profile("croupier", deadline=None)
settings.load_profile("croupier")
