"""Threads, forks, pickles, workers."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import STREET, WEIGHTS, assert_same_bits

import yolo10_burn
from yolo10_burn import ClosedError, Detector, ForkedError, IsolatedDetector, errors

THREADS = 8


def test_threads_may_share_one_or_have_their_own(expected):
    def own(_):
        with Detector(threads=1) as detector:
            return [detector(STREET) for _ in range(3)]

    with Detector() as shared, ThreadPoolExecutor(THREADS) as pool:
        for result in pool.map(shared, [STREET] * 4 * THREADS):
            assert_same_bits(result, expected)
        for results in pool.map(own, range(THREADS)):
            for result in results:
                assert_same_bits(result, expected)


def test_calls_are_served_in_the_order_in_which_they_come():
    frame = np.zeros((1280, 1280, 3), np.uint8)
    with Detector(imgsz=1280) as detector:
        served = []

        def call(number, pictures):
            detector([frame] * pictures)
            served.append(number)

        # The first keeps the others waiting until all of them are there.
        threads = [threading.Thread(target=call, args=(number, 1 if number else 20)) for number in range(6)]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        assert served == []
        for thread in threads:
            thread.join()
        assert served == sorted(served)


def test_other_threads_run_meanwhile():
    with Detector(imgsz=1280, threads=1) as detector:
        searching = threading.Thread(target=detector, args=([STREET] * 3,))
        searching.start()
        turns = 0
        while searching.is_alive():
            turns += 1
            time.sleep(0.001)
        assert turns > 20


def test_closing_waits_for_what_is_being_searched():
    detector = Detector()
    outcomes = []

    def search():
        try:
            while True:
                outcomes.append(len(detector(STREET)))
        except ClosedError:
            outcomes.append("closed")

    threads = [threading.Thread(target=search) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert detector.close().residue == 0
    for thread in threads:
        thread.join()
    assert outcomes.count("closed") == THREADS and len(set(outcomes)) == 2


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("make", [Detector, IsolatedDetector])
def test_after_a_fork_it_is_refused_and_the_parent_keeps_it(expected, make):
    with make() as detector:
        receiver, sender = multiprocessing.Pipe(duplex=False)

        def child():
            said = []
            for call in (lambda: detector(STREET), detector.memory, detector.close):
                try:
                    call()
                except ForkedError as error:
                    said.append(str(error))
            sender.send(said)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        said = receiver.recv()
        process.join(30)
        assert process.exitcode == 0
        assert len(said) == 3 and f"made in process {os.getpid()}, used in process {process.pid}" in said[0]
        assert_same_bits(detector(STREET), expected)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_forgets_it_ends(expected):
    detector = Detector()

    def child():
        nonlocal detector
        detector = None

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert_same_bits(detector(STREET), expected)
    detector.close()


def test_a_pickle_carries_path_and_options(expected, tmp_path, monkeypatch):
    monkeypatch.chdir(WEIGHTS.parent)
    with Detector(WEIGHTS.name, conf=0.5, classes=["person"]) as detector:
        carried = pickle.dumps(detector)
    assert len(carried) < 1000 and bytes(WEIGHTS) in carried
    monkeypatch.chdir(tmp_path)
    with pickle.loads(carried) as again:
        rows = expected[(expected[:, 4] > 0.5) & (expected[:, 5] == 0)]
        assert_same_bits(again(STREET), rows)
        result = pickle.loads(pickle.dumps(again(STREET)))
        assert_same_bits(result, rows)


def test_isolated_the_bits_are_the_same_and_no_python_is_started(expected):
    with IsolatedDetector(WEIGHTS) as detector:
        assert_same_bits(detector(STREET), expected)
        assert Path(f"/proc/{detector.process}/exe").resolve() == yolo10_burn.program()
        for result in detector.detect_batch([STREET, STREET]) + list(detector.iter(STREET)):
            assert_same_bits(result, expected)
        held = detector.memory()
        assert held.weights.reserved > 10_000_000
        assert detector.trim().released > 1_000_000
        worker = detector.process
        copy = pickle.loads(pickle.dumps(detector))
    assert not Path(f"/proc/{worker}").exists()
    report = detector.close()
    assert report.residue == 0 and report.after.total.reserved == 0
    with copy:
        assert_same_bits(copy(STREET), expected)


def test_a_worker_that_is_killed_is_an_error_and_the_next_call_starts_another(expected):
    with IsolatedDetector() as detector:
        worker = detector.process
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(errors.WorkerError, match="it has ended"):
            detector(STREET)
        assert_same_bits(detector(STREET), expected)
        assert detector.process != worker


def test_a_worker_that_is_silent_is_given_up(monkeypatch):
    class Impatient(IsolatedDetector):
        patience = 1.0

    detector = Impatient()
    os.kill(detector.process, signal.SIGSTOP)
    with pytest.raises(errors.WorkerError, match="no answer within 1s"):
        detector(STREET)
    detector.close()


def test_an_interpreter_that_ends_with_one_open_ends():
    code = "import yolo10_burn; d = yolo10_burn.Detector(); i = yolo10_burn.IsolatedDetector(); print(i.process)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    assert not Path(f"/proc/{done.stdout.strip()}").exists()
