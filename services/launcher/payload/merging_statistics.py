"""Merging statistics of an unmerged, scaled MTZ by iotbx: ``merging_statistics.py UNMERGED.mtz OUT.json [LIMIT.phil]``.

The limit's file may hold ``d_min = 1.8`` [Å], which cuts the data first. Needs cctbx, as DIALS brings it. Rmerge is
within I+/I-; Rmeas and Rpim are given over all and within I+/I-.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from iotbx import merging_statistics, mtz  # type: ignore[import-not-found]

N_BINS = 20
INTENSITIES = (["I", "SIGI"], ["I(+)", "SIGI(+)", "I(-)", "SIGI(-)"])


def intensities(content: Any) -> Any:  # noqa: ANN401 - cctbx is not typed
    """Unmerged intensities with the indices as measured; the file stores those of the asymmetric unit."""
    for array in content.as_miller_arrays(merge_equivalents=False):
        if array.info().labels in INTENSITIES:
            return array.customized_copy(indices=content.extract_original_index_miller_indices(), info=array.info())
    raise SystemExit("the file has no column I, SIGI")


def statistics(measured: Any, n_bins: int, *, anomalous: bool) -> Any:  # noqa: ANN401 - cctbx is not typed
    """Statistics in shells of equal volume; Friedel mates are merged, or kept apart."""
    return merging_statistics.dataset_statistics(
        i_obs=measured.as_anomalous_array() if anomalous else measured,
        n_bins=n_bins,
        anomalous=anomalous,
        use_internal_variance=False,
        eliminate_sys_absent=False,
        assert_is_not_unique_set_under_symmetry=False,
    )


def number(value: float | None, factor: float = 1.0) -> float | None:
    """None for what is undefined, as in a shell without a single pair."""
    return None if value is None or not math.isfinite(value) else value * factor


def shell(name: str, merged: Any, split: Any) -> dict[str, Any]:  # noqa: ANN401 - cctbx is not typed
    """One shell, named as in the mesh's messages; ``split`` is the same shell with Friedel mates kept apart."""
    return {
        "shell": name,
        "d_max_A": merged.d_max,
        "d_min_A": merged.d_min,
        "n_observations": merged.n_obs,
        "n_unique": merged.n_uniq,
        "completeness_percent": number(merged.completeness, 100),
        "multiplicity": number(merged.mean_redundancy),
        "i_over_sigma": number(merged.i_over_sigma_mean),
        "r_merge": number(split.r_merge),
        "r_meas": number(merged.r_meas),
        "r_meas_anomalous": number(split.r_meas),
        "r_pim": number(merged.r_pim),
        "r_pim_anomalous": number(split.r_pim),
        "cc_half": number(merged.cc_one_half),
        "cc_anomalous": number(split.cc_anom),
        "anomalous_completeness_percent": number(split.anom_completeness, 100),
        "anomalous_multiplicity": number(split.mean_redundancy),
    }


def cut(measured: Any, limit: Path | None) -> Any:  # noqa: ANN401 - cctbx is not typed
    """What is within the resolution limit, if there is one."""
    name, _, value = limit.read_text().partition("=") if limit else ("", "", "")
    return measured.resolution_filter(d_min=float(value)) if name.strip() == "d_min" else measured


def main(source: str, target: str, limit: str = "") -> None:
    """Read, compute, write whole or not at all."""
    content = mtz.object(source)
    measured = cut(intensities(content), Path(limit) if limit else None)
    merged, split = (statistics(measured, N_BINS, anomalous=anomalous) for anomalous in (False, True))
    pairs = {
        "overall": (merged.overall, split.overall),
        "inner": (merged.bins[0], split.bins[0]),
        "outer": (merged.bins[-1], split.bins[-1]),
    }
    result = {
        "space_group": content.space_group().type().lookup_symbol(),
        "unit_cell": measured.unit_cell().parameters(),
        "shells": [shell(name, *pair) for name, pair in pairs.items()],
    }
    draft = Path(f"{target}.draft")
    draft.write_text(json.dumps(result, indent=1))
    draft.replace(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
