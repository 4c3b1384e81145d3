"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# A property does not become false because the machine is busy: no time is asserted in a test.
settings.register_profile("croupier", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("croupier")
