"""Result files in the formats of DIALS 3.12, xia2 3.12, fast_dp 2 and autoPROC, written by hand with few entries."""

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
model 1 (9980 reflections):
Refined crystal models:
model 1 (9990 reflections):
    Unit cell: 78.910(3), 78.910(3), 37.110(2), 90.0, 90.0, 90.0
RMSDs by experiment:
+------------+-------------+---------------+-------------+
|   Imageset |   # indexed |   # unindexed | % indexed   |
|------------+-------------+---------------+-------------|
|          0 |         310 |            12 | 96.3%       |
+------------+-------------+---------------+-------------+
Refined crystal models:
model 1 (10040 reflections):
    Unit cell: 78.900(1), 78.900(1), 37.100(1), 90.0, 90.0, 90.0
model 2 (600 reflections):
    Unit cell: 78.800(9), 78.800(9), 37.000(9), 90.0, 90.0, 90.0
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
    "anom_completeness": [None, None, None],
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
    "Anomalous completeness": [95.1, 98.0, 91.0],
    "Anomalous correlation": [0.1, 0.2, None],
    "Anomalous slope": [1.02],
    "Wilson B factor": [24.1],
    "Total observations": [42000.0, 2400.0, 1900.0],
    "Total unique": [10000, 570, 480],
}


XIA2_LOG = """\
Environment configuration...
XIA2 3.12.0
DIALS 3.12
CCP4 8.0
-------------------- Spotfinding SWEEP1 --------------------
8000 spots found on 36 images (max 205 / bin)
-------------------- Spotfinding SWEEP2 --------------------
2642 spots found on 12 images (max 190 / bin)
------------------- Autoindexing SWEEP1 --------------------
All possible indexing solutions:
tP  78.91  78.91  37.11  90.00  90.00  90.00
mP  78.91  37.11  78.92  90.00  90.00  90.00
Indexing solution:
tP  78.91  78.91  37.11  90.00  90.00  90.00
"""
XIA2_LOG_SCALED = """\
---------------- Systematic absences check -----------------
Most likely space group: P 43 21 2
------------------- Unit cell refinement -------------------
Overall:  78.90  78.90  37.10  90.00  90.00  90.00
"""
XIA2_LOG_END = "Assuming spacegroup: P 41 21 2\nOther likely alternatives are:\nP 43 21 2\n"


def xia2_run(directory, *, summary=True):
    """What a successful run of xia2 leaves; without a summary, what one leaves that failed after scaling."""
    scaler = {
        "_scalr_cell": CELL,
        "_scalr_likely_spacegroups": ["P 41 21 2"],
        "_scalr_statistics": {'["AUTOMATIC", "DEFAULT", "NATIVE"]': SUMMARY},
    }
    files = {
        "xia2.json": json.dumps({"_crystals": {"DEFAULT": {"_scaler": scaler if summary else None}}}),
        "xia2.txt": XIA2_LOG + XIA2_LOG_SCALED + (XIA2_LOG_END if summary else ""),
        "LogFiles/AUTOMATIC_DEFAULT_NATIVE_merging-statistics.json": json.dumps({**BINS, "overall": OVERALL}),
        "LogFiles/AUTOMATIC_DEFAULT_NATIVE_SWEEP1_INDEX.log": INDEX_LOG,
        "LogFiles/AUTOMATIC_DEFAULT_NATIVE_SWEEP2_INDEX.log": INDEX_LOG,
        "LogFiles/AUTOMATIC_DEFAULT_SCALE.html": "<html>",
        "DataFiles/AUTOMATIC_DEFAULT_NATIVE_SWEEP1_INTEGRATE.mtz": "MTZ ",
        "DataFiles/AUTOMATIC_DEFAULT_scaled.mtz": "MTZ ",
        "DataFiles/AUTOMATIC_DEFAULT_scaled_unmerged.mtz": "MTZ ",
    }
    results = {
        "DataFiles/AUTOMATIC_DEFAULT_free.mtz": "MTZ ",
        "DataFiles/xia2.mmcif.bz2": "BZh9",
        "xia2.html": "<html>",
    }
    return write(directory, {**files, **(results if summary else {})})


XDS_LOG = """
 ***** CORRECT *****  (VERSION Jan 10, 2022  BUILT=20220220)   4-Nov-2026
"""


def xia2_3dii_run(directory, *, summary=True):
    """The same by XDS: its logs say which."""
    return write(
        xia2_run(directory, summary=summary), {"LogFiles/AUTOMATIC_DEFAULT_NATIVE_SWEEP1_CORRECT.log": XDS_LOG}
    )


FAST_DP_SHELL = {
    "res_lim_low": 28.93,
    "res_lim_high": 1.42,
    "r_merge": 0.033,
    "r_meas_all_iplusi_minus": 0.039,
    "mean_i_sig_i": 20.1,
    "completeness": 84.1,
    "multiplicity": 3.6,
    "cc_half": 0.999,
    "cc_anom": 0.12,
    "anom_completeness": 71.5,
    "anom_multiplicity": 1.9,
    "n_tot_obs": 43211,
    "n_tot_unique_obs": 12003,
}
FAST_DP_JSON = {
    "commandline": "fast_dp -j 1 /data/xtal1_1_master.h5",
    "refined_beam": [155.25, 159.5],
    "spacegroup": "I 2 3",
    "unit_cell": [77.9622, 77.9622, 77.9622, 90.0, 90.0, 90.0],
    "scaling_statistics": {
        "overall": FAST_DP_SHELL,
        "innerShell": {**FAST_DP_SHELL, "res_lim_high": 6.35, "r_merge": 0.019, "n_tot_obs": 610},
        "outerShell": {**FAST_DP_SHELL, "res_lim_low": 1.46, "cc_half": 0.61, "n_tot_obs": 1502},
    },
}
FAST_DP_LOG = """Fast_DP version 2.0.0
Starting image: /data/xtal1_1_master.h5
Processing images: 1 -> 3
Merging point group: I 2 3
Unit cell:  77.96  77.96  77.96  90.00  90.00  90.00
"""


def fast_dp_run(directory, *, finished=True):
    """What a successful run of fast_dp leaves, or one that ended before its results were written."""
    results = {
        "fast_dp.json": json.dumps(FAST_DP_JSON, indent=2),
        "fast_dp.xml": container(FAST_DP_XML),
        "fast_dp.mtz": "MTZ ",
        "fast_dp_unmerged.mtz": "MTZ ",
    }
    return write(directory, {"fast_dp.log": FAST_DP_LOG, **(results if finished else {})})


def shell_xml(kind, **changes):
    """One block of AutoProcScalingStatistics; decimals without a leading zero, as Aimless prints them."""
    values = {
        "resolutionLimitLow": "67.417",
        "resolutionLimitHigh": "2.506",
        "rMerge": ".058",
        "rMeasWithinIPlusIMinus": ".069",
        "rMeasAllIPlusIMinus": ".071",
        "rPimWithinIPlusIMinus": ".037",
        "rPimAllIPlusIMinus": ".029",
        "nTotalObservations": "31522",
        "nTotalUniqueObservations": "9120",
        "meanIOverSigI": "8.6",
        "completeness": "84.3",
        "multiplicity": "3.5",
        "anomalousCompleteness": "68.0",
        "anomalousMultiplicity": "1.8",
        "ccHalf": ".995",
        "ccAnomalous": "-.12",
        "DanoOverSigDano": ".81",
    } | changes
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return (
        f"<AutoProcScalingStatistics><scalingStatisticsType>{kind}</scalingStatisticsType>{fields}"
        "</AutoProcScalingStatistics>"
    )


def processed_xml(space_group, *cell):
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    fields = "".join(
        f"<refinedCell_{name}>{value}</refinedCell_{name}>" for name, value in zip(names, cell, strict=True)
    )
    return f"<AutoProc><spaceGroup>{space_group}</spaceGroup>{fields}</AutoProc>"


def scaling_xml(*shells, beam=("1233.1", "1262.8")):
    """A scaling container with one integration; an Image that is empty, as some are."""
    x, y = beam
    return (
        "<AutoProcScalingContainer><AutoProcScaling><recordTimeStamp/></AutoProcScaling>"
        + "".join(shells)
        + "<AutoProcIntegrationContainer><Image/><AutoProcIntegration>"
        f"<refinedXBeam>{x}</refinedXBeam><refinedYBeam>{y}</refinedYBeam>"
        "</AutoProcIntegration></AutoProcIntegrationContainer></AutoProcScalingContainer>"
    )


def program_xml(program):
    return (
        f"<AutoProcProgramContainer><AutoProcProgram><processingPrograms>{program}</processingPrograms>"
        "<processingStartTime>Fri Oct 30 13:07:56 GMT 2017</processingStartTime></AutoProcProgram>"
        "<AutoProcProgramAttachment><fileType>Log</fileType><fileName>summary.html</fileName>"
        "</AutoProcProgramAttachment></AutoProcProgramContainer>"
    )


def container(*parts):
    """An AutoProcContainer of its parts."""
    return f'<?xml version="1.0"?><AutoProcContainer>{"".join(parts)}</AutoProcContainer>'


SHELLS_XML = (
    shell_xml("overall"),
    shell_xml("innerShell", resolutionLimitHigh="6.8", nTotalObservations="1622", nTotalUniqueObservations="470"),
    shell_xml("outerShell", resolutionLimitLow="2.549", nTotalObservations="1530", nTotalUniqueObservations="455"),
)
CUBIC = ("77.9622", "77.9622", "77.9622", "90", "90", "90")
ORTHORHOMBIC = ("41.61", "44.83", "67.42", "90.0", "90.0", "90.0")
FAST_DP_XML = (
    processed_xml("I 2 3", *CUBIC) + scaling_xml(*SHELLS_XML, beam=("155.25", "159.5")) + program_xml("fast_dp")
)
VERSION = "autoPROC 1.0.5 (20240710 build 2)"
OTHER_SWEEP = scaling_xml(shell_xml("overall", completeness="12.0"))
AUTOPROC_XML = container(
    processed_xml("P 2 2 2", *ORTHORHOMBIC),
    processed_xml("P 1", *CUBIC),
    OTHER_SWEEP,
    scaling_xml(*SHELLS_XML, beam=("92.48", "94.71")),
    program_xml(VERSION),
)
STARANISO_XML = container(
    processed_xml("P 2 2 2", *ORTHORHOMBIC),
    scaling_xml(shell_xml("overall", resolutionLimitHigh="2.21", completeness="61.7")),
    program_xml(VERSION),
)


def autoproc_run(directory, *, staraniso=True):
    """What a successful run of autoPROC leaves; without STARANISO's, what one leaves that ended before it."""
    files = {
        "autoPROC.xml": AUTOPROC_XML,
        "truncate-unique.mtz": "MTZ ",
        "aimless_unmerged.mtz": "MTZ ",
        "summary.html": "<html>",
        "autoPROC.log": "autoPROC\n",
    }
    last = {"autoPROC_staraniso.xml": STARANISO_XML, "staraniso_alldata-unique.mtz": "MTZ ", "report.pdf": "%PDF"}
    written = {**files, **(last if staraniso else {})}
    return write(directory, {f"autoPROC/{name}": content for name, content in written.items()})


def write(directory, files):
    """Files by their names relative to the directory, which is returned."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return directory
