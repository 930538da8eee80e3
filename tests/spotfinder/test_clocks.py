"""Images are waited for as long as was agreed, whatever happens to the clocks of ingester and spot finder meanwhile."""

from datetime import timedelta

import pytest
from hypothesis import given, settings, strategies as st

from services.spotfinder.analysis import ImageReport
from services.spotfinder.handler import find_spots
from services.spotfinder.inhand import InHand
from services.spotfinder.lookout import Lookout
from services.spotfinder.turns import Turns
from tests.clocks import DAY, EVENTS, HOUR, Machine
from tests.spotfinder.blocks import block
from tests.spotfinder.test_handler import FIGURES

WAIT_S = 30


class LateCamera:
    """Looks cost a second each; something happens to the clocks at one of them, the images come at another."""

    def __init__(self, machine: Machine, happens_at: int, happen, comes_at: int | None) -> None:
        self.machine, self.happens_at, self.happen, self.comes_at = machine, happens_at, happen, comes_at
        self.n_looks = 0

    async def analyse(self, master_file, images):
        self.n_looks += 1
        self.machine.pass_(1)
        if self.n_looks == self.happens_at:
            self.happen(self.machine)
        come = self.comes_at is not None and self.n_looks >= self.comes_at
        return [ImageReport(image=image, analysis=FIGURES, seconds=0.001) for image in images if come]


async def result(camera: LateCamera, of):
    shared = {"in_hand": InHand(), "turns": Turns(1, 0), "lookout": Lookout(0.0001, camera.machine.clock)}
    handled = find_spots(of, analyse=camera.analyse, **shared)
    (found,) = [reply async for reply in handled]
    return found


@settings(max_examples=30)
@given(happens_at=st.integers(1, 25), happen=st.sampled_from(list(EVENTS.values())))
async def test_no_image_fails_that_comes_in_time_by_the_time_that_could_be_used(happens_at, happen):
    camera = LateCamera(Machine(), happens_at, happen, comes_at=28)

    found = await result(camera, block(4, wait_s=WAIT_S))

    assert (len(found.found), found.failed) == (4, ())


@pytest.mark.parametrize("happen", EVENTS.values(), ids=EVENTS.keys())
async def test_what_never_comes_has_failed_after_the_agreed_time(happen):
    camera = LateCamera(Machine(), 5, happen, comes_at=None)

    found = await result(camera, block(4, wait_s=WAIT_S))

    assert [failure.image for failure in found.failed] == [8, 9, 10, 11]
    assert "not readable within 30 s" in found.failed[0].reason
    assert WAIT_S <= camera.n_looks <= WAIT_S + 2


@pytest.mark.parametrize("apart_s", [-DAY, -HOUR, -40, 40, DAY], ids=str)
async def test_the_clocks_of_ingester_and_spot_finder_may_differ(apart_s):
    machine = Machine()
    of = block(4, wait_s=WAIT_S).model_copy(
        update={"deadline": machine.clock.now() + timedelta(seconds=WAIT_S + apart_s)}
    )

    found = await result(LateCamera(machine, 0, None, comes_at=28), of)

    assert found.failed == ()


async def test_a_block_of_an_older_ingester_is_waited_for_until_the_moment_that_it_names():
    machine = Machine()
    of = block(4).model_copy(update={"deadline": machine.clock.now() + timedelta(seconds=10), "wait_s": None})

    camera = LateCamera(machine, 0, None, comes_at=None)
    assert len((await result(camera, of)).failed) == 4
    assert 10 <= camera.n_looks <= 12
