"""How hypothesis behaves here: the same on every machine, busy or not."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "thermedge",
    deadline=None,  # a busy machine is no fault of the code
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("thermedge")
