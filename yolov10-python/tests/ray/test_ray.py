"""yolo10_burn.ray on a real Ray with two processors."""

import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest
import ray

import yolo10_burn
from yolo10_burn.ray import detect_dataset, run_shards

STREET = Path(__file__).resolve().parents[3] / "assets" / "street.jpg"
KILLS = int(os.environ.get("YOLO10_BURN_ACTOR_KILLS", "2"))
# A small input, sure of little: what is found does not matter here, that it is the same does.
OPTIONS = {"imgsz": 320, "conf": 0.05}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def expected():
    with yolo10_burn.Detector(threads=1, **OPTIONS) as detector:
        return detector(STREET)


def objects(result):
    return [
        {"class": int(cls), "name": result.names[int(cls)], "score": score, "box": box}
        for *box, score, cls in result.boxes.data.tolist()
    ]


def pictures(folder, count):
    for index in range(count):
        (folder / f"{index:03}.jpg").write_bytes(STREET.read_bytes())


def actors():
    """Processes of actors of ours, by Ray's names for them."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    split = [line.strip().split(" ", 1) for line in listed.splitlines()]
    return [int(pid) for pid, name in split if name.startswith(("ray::_Runner", "ray::MapWorker"))]


def kill_actors(count, over):
    """Kills actors at random moments until there were `count`, or it is over."""
    chance, killed = random.Random(7), 0
    while killed < count and not over.is_set():
        time.sleep(chance.uniform(0.2, 1.5))
        if running := actors():
            os.kill(chance.choice(running), signal.SIGKILL)
            killed += 1
    return killed


def test_a_data_set_of_pixels_bytes_and_paths(expected, tmp_path):
    pictures(tmp_path, 3)
    (tmp_path / "003.jpg").write_bytes(b"no picture at all")
    files = sorted(map(str, tmp_path.iterdir()))
    sets = {
        "image": ray.data.read_images(files[:3], include_paths=True),
        "bytes": ray.data.read_binary_files(files, include_paths=True),
        "path": ray.data.from_items([{"path": file} for file in files]),
    }
    for column, ds in sets.items():
        rows = detect_dataset(ds, column=column, batch_size=2, **OPTIONS).take_all()
        rows = sorted(rows, key=lambda row: row["path"])
        assert [row["path"] for row in rows] == files[: len(rows)] and len(rows) == ds.count()
        assert set(rows[0]) == {"path", "detections", "height", "width", "error"}
        for row in rows[:3]:
            assert (row["height"], row["width"], row["error"]) == (*expected.orig_shape, None)
            found = [{**one, "box": list(one["box"])} for one in row["detections"]]
            # Pillow decodes JPEG by another rule than libjpeg-turbo's default here, so pixels may differ in a level.
            assert column == "image" or found == objects(expected)
            assert len(found) > 3
        if len(rows) > 3:
            assert rows[3]["detections"] is None and "not a picture" in rows[3]["error"]


def test_actors_give_everything_back_when_the_data_is_through(tmp_path):
    pictures(tmp_path, 4)
    files = [{"path": str(file)} for file in sorted(tmp_path.iterdir())]
    assert detect_dataset(ray.data.from_items(files), column="path", **OPTIONS).count() == 4
    for _ in range(100):
        if not actors():
            return
        time.sleep(0.1)
    raise AssertionError(f"actors after 10 s: {actors()}")


def test_shards_are_exactly_once_whichever_actors_are_killed(tmp_path):
    (tmp_path / "pictures").mkdir()
    pictures(tmp_path / "pictures", 24)
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{file}\n" for file in sorted((tmp_path / "pictures").iterdir())) + "missing.jpg\n")
    whole = run_shards(listed, tmp_path / "whole", shards=1, **OPTIONS)
    assert len(whole.merged.read_text().splitlines()) == 25
    killed, round = 0, 0
    while killed < KILLS:
        over, counted = threading.Event(), []
        killer = threading.Thread(target=lambda: counted.append(kill_actors(KILLS - killed, over)))
        killer.start()
        run = run_shards(listed, tmp_path / f"out{round}", shards=8, concurrency=2, num_cpus=1, **OPTIONS)
        over.set()
        killer.join()
        killed += counted[0]
        round += 1
        assert run.merged.read_bytes() == whole.merged.read_bytes()
        assert len(run.reports) == 8
        reports = [report for report in run.reports if report is not None]
        assert reports and all(report.residue == 0 and report.released > 10_000_000 for report in reports)
    print(f"{killed} actors killed in {round} runs")
    again = run_shards(listed, tmp_path / "whole", shards=1, **OPTIONS)
    assert again.reports == [None] and again.merged == whole.merged
    with pytest.raises(ray.exceptions.RayTaskError, match="options.conf: expected 0.5"):
        run_shards(listed, tmp_path / "whole", shards=1, **OPTIONS | {"conf": 0.5})


def test_the_deployment_of_the_guide(expected):
    """The ten lines of docs/python.md, as they stand there."""
    guide = Path(__file__).resolve().parents[3] / "docs" / "python.md"
    _, section = guide.read_text().split("### Ray Serve")
    code = section.split("```python\n")[1].split("```")[0]
    assert len(code.strip().splitlines()) <= 10
    # Without weights it takes the demo's. Ray carries classes of `__main__` by value.
    exec(code.replace('"yolov10n.pt"', ""), {"__name__": "__main__"})
    from ray import serve

    try:
        request = urllib.request.Request("http://127.0.0.1:8000/", data=STREET.read_bytes())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            found = json.loads(answer.read())
    finally:
        serve.shutdown()
    assert [one["name"] for one in found] and {"name", "class", "confidence", "box"} == set(found[0])
