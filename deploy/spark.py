"""The pictures of a list, searched by Spark: spark-submit spark.py LIST OUT [WEIGHTS]

Every executor has `pip install yolo10-burn` and sees the pictures under the paths of the list, one on each line. OUT becomes
a folder of Parquet files. Spark may run a task twice and keeps the rows of one try. For rows that are the same bytes
whenever they are made, and for going on where a run was cut off, use shards: docs/scale.md.
"""

import sys

import pandas as pd
from pyspark.sql import SparkSession

from yolo10_burn import Detector, Error

ROW = """image string, width int, height int, error string,
    detections array<struct<class: int, name: string, score: float, box: array<float>>>"""


def search(weights):
    def searched(batches):
        # One for each task, closed when its last batch is through: here everything goes back.
        with Detector(weights, threads=1) as detector:
            for batch in batches:
                yield pd.DataFrame([row(detector, path) for path in batch["value"]])

    return searched


def row(detector, path):
    try:
        result = detector(path)
    except (OSError, Error) as error:
        return {"image": path, "width": None, "height": None, "error": str(error), "detections": None}
    height, width = result.orig_shape
    found = [
        {"class": int(cls), "name": result.names[int(cls)], "score": score, "box": box}
        for *box, score, cls in result.boxes.data.tolist()
    ]
    return {"image": path, "width": width, "height": height, "error": None, "detections": found}


if __name__ == "__main__":
    paths, out, *weights = sys.argv[1:]
    spark = SparkSession.builder.appName("yolo10-burn").getOrCreate()
    pictures = spark.read.text(paths).repartition(spark.sparkContext.defaultParallelism)
    pictures.mapInPandas(search(*weights or [None]), ROW).write.parquet(out)
    spark.stop()
