"""Every byte comes back at a stated moment."""

import gc
import os
import warnings

import numpy as np
import pytest
from conftest import STREET, assert_same_bits, resident

from yolo10_burn import ClosedError, Detector, FreeReport, errors

# `with` blocks, and by how much the resident set may be larger after the second half of them than after the first: the
# allocator's own housekeeping. A single detector holds 30 MB.
BLOCKS = int(os.environ.get("YOLO10_BURN_BLOCKS", "200"))
HOUSEKEEPING = 1_000_000


def test_the_end_of_the_block_gives_everything_back(expected):
    with Detector() as detector:
        loaded = detector.memory()
        result = detector(STREET)
        held = detector.memory()
    report = detector.close()
    assert isinstance(report, FreeReport) and report is detector.close()
    assert loaded.weights.reserved > 10_000_000 and loaded.workspace.reserved == 0
    assert held.weights == loaded.weights and held.workspace.reserved > 1_000_000
    assert report.released == held.total.reserved and report.residue == 0
    assert report.after.total.reserved == 0 and report.took > 0
    assert report.before.resident - report.after.resident > 0.9 * report.released
    # What was found outlives it.
    assert_same_bits(result, expected)
    assert detector.closed


def test_a_closed_one_says_so():
    detector = Detector()
    detector.close()
    calls = (
        lambda: detector(STREET),
        lambda: detector([STREET]),
        lambda: detector.detect_batch([STREET]),
        lambda: next(detector.iter(STREET)),
        detector.memory,
        detector.trim,
    )
    for call in calls:
        with pytest.raises(ClosedError, match="the detector is closed"):
            call()


def test_an_exception_closes_it_too():
    with pytest.raises(ZeroDivisionError):
        with Detector() as detector:
            detector(STREET)
            raise ZeroDivisionError
    assert detector.closed and detector.close().residue == 0


def test_trim_keeps_the_weights_and_changes_nothing(expected):
    with Detector() as detector:
        detector(STREET)
        held = detector.memory()
        report = detector.trim()
        assert report.released == held.workspace.reserved + held.staging.reserved
        assert detector.memory().weights == held.weights and detector.memory().workspace.reserved == 0
        assert_same_bits(detector(STREET), expected)


def test_a_limit_is_kept_and_named(expected):
    with Detector(memory_limit=40_000_000) as detector:
        assert_same_bits(detector(STREET), expected)
        assert detector.memory().total.reserved <= 40_000_000
    with Detector(memory_limit=24_000_000) as detector:
        with pytest.raises(errors.EngineError, match="24000000 allowed"):
            detector(STREET)
        # One that needs less is searched.
        assert detector(np.zeros((32, 640, 3), np.uint8)).boxes.shape == (0, 6)


def test_what_is_forgotten_is_given_back_with_a_warning():
    detector = Detector()
    held, before = detector.memory().total.reserved, resident()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del detector
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    # A warning that is kept keeps what it is about.
    caught.clear()
    gc.collect()
    assert before - resident() > 0.9 * held


def test_blocks_leave_nothing():
    def blocks(count):
        for _ in range(count):
            with Detector() as detector:
                detector(STREET)
        return resident()

    # What is made once: the code's pages, the allocator's arenas.
    blocks(10)
    halves = [blocks(BLOCKS // 2) for _ in range(2)]
    print(f"resident after {BLOCKS // 2} and {BLOCKS} blocks: {halves}")
    assert halves[1] - halves[0] < HOUSEKEEPING
