"""Settings that every test shares."""

from hypothesis import HealthCheck, settings

# The default: the same examples on every machine, and few enough for a change to be tested in minutes.
settings.register_profile("ci", max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
# Asked for by name (`--hypothesis-profile thorough`): new examples each time, and many.
settings.register_profile(
    "thorough",
    max_examples=2000,
    stateful_step_count=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")
