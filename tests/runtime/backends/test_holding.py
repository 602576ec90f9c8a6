from thermedge.runtime.backends.holding import hold


class Plain:
    name, inputs, outputs = "plain", {}, {}

    def run(self):
        pass

    def close(self):
        pass


class Remote(Plain):
    def __init__(self):
        self.held = []

    def hold(self, names):
        self.held.append(list(names))


def test_a_backend_with_memory_of_its_own_is_told_what_changed():
    backend = Remote()
    hold(backend, ("kernel", "cells"))
    assert backend.held == [["kernel", "cells"]]


def test_a_backend_in_the_host_s_memory_has_nothing_to_do():
    hold(Plain(), ("kernel",))
