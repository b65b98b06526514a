"""Items under way in threads: what ends is told once, what has not begun can be dropped, and no fault is swallowed."""

import threading

import pytest

from synapse_sync.steps.pool import InFlight

PATIENCE = 30.0


def serve_upper(items, done, stopping):
    while (item := items.get()) is not None:
        done(item, item.upper())


def test_items_of_both_kinds_end_with_their_results():
    flight = InFlight(2, "test")
    flight.begin("one", str.upper)
    flight.hand_over("two", serve_upper)
    flight.begin("three", str.upper)
    assert sorted(flight.finished(PATIENCE)) == [("one", "ONE"), ("three", "THREE"), ("two", "TWO")]
    assert (len(flight), flight.items(), flight.finished(), flight.stop()) == (0, [], [], [])


def test_what_has_not_ended_stays_under_way():
    flight, may_end = InFlight(1, "test"), threading.Event()
    flight.begin("slow", lambda item: may_end.wait(PATIENCE))
    assert (flight.finished(), flight.items()) == ([], ["slow"])
    may_end.set()
    assert flight.finished(PATIENCE) == [("slow", True)]


def test_stopping_waits_for_what_began_and_drops_the_rest():
    flight, begun, may_end = InFlight(1, "test"), threading.Semaphore(0), threading.Event()

    def slowly(item):
        begun.release()
        may_end.wait(PATIENCE)
        return item

    def serve_slowly(items, done, stopping):
        while (item := items.get()) is not None:
            done(item, slowly(item))

    for item in ("first", "dropped"):
        flight.begin(item, slowly)
    for item in ("first small", "dropped small"):
        flight.hand_over(item, serve_slowly)
    for _ in range(2):
        begun.acquire()
    threading.Timer(0.05, may_end.set).start()
    assert sorted(flight.stop()) == [("first", "first"), ("first small", "first small")]
    assert len(flight) == 0


def test_it_can_be_used_again_after_a_stop():
    flight = InFlight(1, "test")
    for item in ("a", "b"):
        flight.hand_over(item, serve_upper)
        assert flight.finished(PATIENCE) == [(item, item.upper())]
        flight.stop()


@pytest.mark.parametrize("small", [True, False])
def test_a_fault_in_a_thread_is_raised_where_results_are_asked_for(small):
    flight = InFlight(1, "test")

    def fail(*_):
        raise ZeroDivisionError

    if small:
        flight.hand_over("item", fail)
    else:
        flight.begin("item", fail)
    with pytest.raises(ZeroDivisionError):
        flight.finished(PATIENCE)


def test_a_wake_up_ends_the_patience_of_the_next_wait() -> None:
    flight, may_end = InFlight[str, str](1, "test"), threading.Event()
    flight.begin("one", lambda item: item if may_end.wait(PATIENCE) else "")
    flight.wake()
    assert flight.finished(PATIENCE) == []
    may_end.set()
    assert flight.finished(PATIENCE) == [("one", "one")]
    assert flight.stop() == []
