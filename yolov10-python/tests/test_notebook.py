"""The guide's notebook cells, run by a real kernel."""

import nbformat
from conftest import STREET
from nbclient import NotebookClient

CELLS = [
    "from yolo10_burn import Detector",
    f"with Detector() as detector:\n    result = detector({str(STREET)!r})\nresult",
    "detector.close()",
]


def test_a_result_shows_itself():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    [shown] = notebook.cells[1].outputs
    assert shown.data["image/png"].startswith("iVBOR") and "Results(" in shown.data["text/plain"]
    assert "residue=0" in notebook.cells[2].outputs[0].data["text/plain"]
