"""A seed is a schedule, and a schedule has everything in it."""

from tests.endurance.schedule import SPELLS, Fault, Wish, faults, wishes


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert faults(7, minutes=30) == faults(7, minutes=30)
    assert wishes(7, "m01", minutes=30) == wishes(7, "m01", minutes=30)


def test_other_seeds_and_other_models_differ() -> None:
    assert faults(7, minutes=30) != faults(8, minutes=30)
    assert wishes(7, "m01", minutes=30) != wishes(7, "m02", minutes=30)


def test_half_an_hour_has_every_fault_and_every_wish() -> None:
    planned = faults(1, minutes=30)
    wished = [one for number in range(20) for one in wishes(1, f"m{number}", minutes=30)]

    assert {one.what for one in planned} == set(Fault)
    assert {one.what for one in wished} == set(Wish)
    assert 200 < len(planned) < 400


def test_every_fault_has_ended_with_the_run() -> None:
    planned = faults(3, minutes=10)

    assert [one.at for one in planned] == sorted(one.at for one in planned)
    assert all(one.at + one.seconds <= 600 for one in planned)
    assert all(SPELLS[one.what].least <= one.seconds <= SPELLS[one.what].most for one in planned)
