"""Blocks that tests make."""

from datetime import timedelta

from shared.messages import CollectionRef, Experiment, FindSpots, now


def block(
    n_images: int = 4, first_image: int = 8, dcid: int = 42, experiment: Experiment = "gridscan", wait_s: float = 5
) -> FindSpots:
    ref = CollectionRef(beamline="i03", visit="cm12345-1", id=dcid)
    return FindSpots(
        collection=ref,
        experiment=experiment,
        master_file=f"/{dcid}.h5",
        first_image=first_image,
        n_images=n_images,
        deadline=now() + timedelta(seconds=wait_s),
        wait_s=max(0, wait_s),
    )
