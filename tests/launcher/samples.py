"""Result files in the formats of DIALS 3.12 and xia2 3.12, written by hand with few entries."""

import json

SHELLS = [
    {
        "shell": name,
        "d_max_A": d_max,
        "d_min_A": d_min,
        "n_observations": n_observations,
        "n_unique": n_unique,
        "completeness_percent": 98.5,
        "multiplicity": 4.2,
        "i_over_sigma": 12.5,
        "r_merge": 0.051,
        "r_meas": 0.058,
        "r_meas_anomalous": 0.059,
        "r_pim": 0.027,
        "r_pim_anomalous": 0.031,
        "cc_half": 0.998,
        "cc_anomalous": None,
        "anomalous_completeness_percent": 90.1,
        "anomalous_multiplicity": 2.2,
    }
    for name, d_max, d_min, n_observations, n_unique in (
        ("overall", 78.9, 1.8, 42000, 10000),
        ("inner", 78.9, 4.9, 2400, 570),
        ("outer", 1.83, 1.8, 1900, 480),
    )
]
CELL = [78.9, 78.9, 37.1, 90.0, 90.0, 90.0]
INDEX_LOG = """\
RMSDs by experiment:
+------------+-------------+---------------+-------------+
|   Imageset |   # indexed |   # unindexed | % indexed   |
|------------+-------------+---------------+-------------|
|          0 |         310 |            12 | 96.3%       |
+------------+-------------+---------------+-------------+
Final refined crystal models:
+------------+-------------+---------------+-------------+
|   Imageset |   # indexed |   # unindexed | % indexed   |
|------------+-------------+---------------+-------------|
|          0 |       10540 |             2 | 100.0%      |
|          1 |         100 |             0 | 100.0%      |
+------------+-------------+---------------+-------------+
Saving refined experiments to indexed.expt
"""
EXPERIMENTS = {
    "crystal": [
        {"real_space_a": [0, 0, 37.1], "real_space_b": [78.9, 0, 0], "real_space_c": [0, 78.9, 0]},
    ]
}


def dials_run(directory):
    """What a successful run of ``dials`` leaves."""
    files = {
        "02_dials.import.log": "DIALS (2018) Acta Cryst. D74, 85-97\nDIALS 3.12\nWriting experiments\n",
        "03_dials.find_spots.log": "10642 spots found\nSaved 10642 reflections to strong.refl\n",
        "04_dials.index.log": INDEX_LOG,
        "07_dials.symmetry.log": "Recommended space group: P 41 21 2\nSaving 11735 reflections\n",
        "indexed.expt": json.dumps(EXPERIMENTS),
        "merging_statistics.json": json.dumps({"space_group": "P 41 21 2", "unit_cell": CELL, "shells": SHELLS}),
        "merged.mtz": "MTZ ",
        "dials.report.html": "<html>",
    }
    return write(directory, files)


BINS = {
    "d_star_sq_min": [0.0417, 0.2986, 0.3086],  # 1/d_min²: the names of the two are swapped
    "d_star_sq_max": [0.00016, 0.2886, 0.2986],
    "n_obs": [2400, 2000, 1900],
    "n_uniq": [570, 500, 480],
    "multiplicity": [4.21, 4.0, 3.96],
    "completeness": [99.1, 98.0, 97.2],
    "i_mean": [900.0, 10.0, 9.0],
    "i_over_sigma_mean": [40.0, 3.0, 2.1],
    "r_merge": [0.02, 0.4, 0.5],
    "r_meas": [0.022, 0.45, 0.56],
    "r_pim": [0.01, 0.2, 0.25],
    "r_anom": [0.01, 0.2, 0.3],
    "cc_one_half": [0.999, 0.9, 0.8],
    "cc_anom": [0.1, 0.0, None],
    "anom_completeness": [0.98, 0.95, None],
}
OVERALL = {key: value[0] for key, value in BINS.items()} | {"d_star_sq_min": 0.3086, "n_obs": 42000, "n_uniq": 10000}
SUMMARY = {
    "High resolution limit": [1.8, 4.9, 1.8],
    "Low resolution limit": [78.9, 78.9, 1.83],
    "Completeness": [98.5, 99.1, 97.2],
    "Multiplicity": [4.2, 4.21, 3.96],
    "I/sigma": [12.5, 40.0, 2.1],
    "Rmerge(I+/-)": [0.051, 0.02, 0.5],
    "Rmeas(I)": [0.058, 0.022, 0.56],
    "CC half": [0.998, 0.999, 0.8],
    "Total observations": [42000.0, 2400.0, 1900.0],
    "Total unique": [10000, 570, 480],
}


def xia2_run(directory, *, summary=True):
    """What a successful run of xia2 leaves; without a summary, what one leaves that failed after scaling."""
    scaler = {
        "_scalr_cell": CELL,
        "_scalr_likely_spacegroups": ["P 41 21 2"],
        "_scalr_statistics": {'["AUTOMATIC", "DEFAULT", "NATIVE"]': SUMMARY},
    }
    files = {
        "xia2.json": json.dumps({"_crystals": {"DEFAULT": {"_scaler": scaler if summary else None}}}),
        "xia2.txt": "Environment configuration...\nXIA2 3.12.1\nDIALS 3.12\nCCP4 8.0\n",
        "LogFiles/AUTOMATIC_DEFAULT_NATIVE_merging-statistics.json": json.dumps({**BINS, "overall": OVERALL}),
        "DataFiles/AUTOMATIC_DEFAULT_free.mtz": "MTZ ",
        "DataFiles/AUTOMATIC_DEFAULT_scaled_unmerged.mtz": "MTZ ",
        "xia2.html": "<html>",
    }
    return write(directory, files)


def write(directory, files):
    """Files by their names relative to the directory, which is returned."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return directory


CONTAINER = """\
<?xml version="1.0" encoding="UTF-8"?>
<AutoProcContainer>
  <AutoProc>
    <spaceGroup>{space_group}</spaceGroup>
    <wavelength>0.9763</wavelength>
    <refinedCell_a>57.8</refinedCell_a><refinedCell_b>57.8</refinedCell_b><refinedCell_c>150.2</refinedCell_c>
    <refinedCell_alpha>90.0</refinedCell_alpha><refinedCell_beta>90.0</refinedCell_beta>
    <refinedCell_gamma>90.0</refinedCell_gamma>
  </AutoProc>
  <AutoProc><spaceGroup>P 1</spaceGroup></AutoProc>
  <AutoProcScalingContainer>
    <AutoProcScaling><recordTimeStamp></recordTimeStamp></AutoProcScaling>
    <AutoProcScalingStatistics>
      <scalingStatisticsType>outerShell</scalingStatisticsType>
      <resolutionLimitLow>2.55</resolutionLimitLow><resolutionLimitHigh>2.506</resolutionLimitHigh>
      <rMerge>.601</rMerge><nTotalObservations>1200</nTotalObservations>
      <nTotalUniqueObservations>402</nTotalUniqueObservations><completeness>80.1</completeness>
      <rPimAllIPlusIMinus></rPimAllIPlusIMinus>
    </AutoProcScalingStatistics>
    <AutoProcScalingStatistics>
      <scalingStatisticsType>overall</scalingStatisticsType>
      <resolutionLimitLow>67.417</resolutionLimitLow><resolutionLimitHigh>2.506</resolutionLimitHigh>
      <rMerge>.058</rMerge><rMeasWithinIPlusIMinus>.069</rMeasWithinIPlusIMinus>
      <rMeasAllIPlusIMinus>.068</rMeasAllIPlusIMinus><rPimAllIPlusIMinus>.033</rPimAllIPlusIMinus>
      <nTotalObservations>30513</nTotalObservations><nTotalUniqueObservations>7821</nTotalUniqueObservations>
      <meanIOverSigI>8.6</meanIOverSigI><completeness>84.3</completeness><multiplicity>3.9</multiplicity>
      <ccHalf>.995</ccHalf><DanoOverSigDano>.82</DanoOverSigDano>
    </AutoProcScalingStatistics>
  </AutoProcScalingContainer>
</AutoProcContainer>
"""
FAST_DP_SHELL = {
    "res_lim_low": 28.6,
    "res_lim_high": 1.5,
    "r_merge": 0.033,
    "r_meas_all_iplusi_minus": 0.037,
    "mean_i_sig_i": 21.4,
    "completeness": 84.1,
    "multiplicity": 4.6,
    "cc_half": 0.999,
    "cc_anom": 0.12,
    "anom_completeness": 78.5,
    "anom_multiplicity": 2.4,
    "n_tot_obs": 45120,
    "n_tot_unique_obs": 9801,
}


def fast_dp_run(directory):
    """What a successful run of ``fast_dp`` leaves."""
    summary = {
        "commandline": "fast_dp a_1_master.h5",
        "refined_beam": [155.2, 161.9],
        "spacegroup": "I 2 3",
        "unit_cell": [77.9622, 77.9622, 77.9622, 90.0, 90.0, 90.0],
        "scaling_statistics": {
            "overall": FAST_DP_SHELL,
            "innerShell": {**FAST_DP_SHELL, "res_lim_high": 6.7},
            "outerShell": {**FAST_DP_SHELL, "res_lim_low": 1.54, "r_merge": 0.61},
        },
    }
    files = {
        "fast_dp.json": json.dumps(summary),
        "fast_dp.xml": CONTAINER.format(space_group="I 2 3"),
        "fast_dp.log": "Fast_DP installed in: /programs\nFast_DP version 1.6.2\n",
        "fast_dp.mtz": "MTZ",
    }
    return write(directory, files)


def autoproc_run(directory):
    """What a successful run of autoPROC leaves."""
    files = {
        "autoPROC.xml": CONTAINER.format(space_group="P 2 2 2"),
        "autoPROC_staraniso.xml": CONTAINER.format(space_group="P 21 21 21"),
        "02_autoPROC.log": "autoPROC snapshot 1.0.5 (20240123)\n",
        "truncate-unique.mtz": "MTZ",
        "staraniso_alldata-unique.mtz": "MTZ",
        "summary.html": "<html>",
    }
    return write(directory, files)
