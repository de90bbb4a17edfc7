"""What a detector holds, and what it gave back, in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_Bytes = tuple[int, int]
_Memory = tuple[_Bytes, _Bytes, _Bytes, "int | None", "int | None"]
_Free = tuple[_Memory, _Memory, int, int, float]


@dataclass(frozen=True)
class Bytes:
    """Bytes of one kind."""

    in_use: int
    """Occupied by live data."""
    reserved: int
    """Taken from the system or the driver, in use or not."""

    def __add__(self, other: Bytes) -> Bytes:
        return Bytes(self.in_use + other.in_use, self.reserved + other.reserved)


@dataclass(frozen=True)
class MemoryReport:
    """What one detector holds at one moment."""

    weights: Bytes
    """Parameters, as the engine keeps them."""
    workspace: Bytes
    """Activations and scratch."""
    staging: Bytes
    """Buffers between host and device, and the host's tables around the network."""
    resident: int | None
    """Of the process, in main memory, by the system's count."""
    driver: int | None
    """Of the device, all processes together, by its driver's count."""

    @property
    def total(self) -> Bytes:
        """Weights, workspace and staging together."""
        return self.weights + self.workspace + self.staging

    @staticmethod
    def _of(numbers: _Memory) -> MemoryReport:
        weights, workspace, staging, resident, driver = numbers
        return MemoryReport(Bytes(*weights), Bytes(*workspace), Bytes(*staging), resident, driver)

    @staticmethod
    def _of_json(report: dict[str, Any]) -> MemoryReport:
        weights, workspace, staging = (Bytes(**report[kind]) for kind in ("weights", "workspace", "staging"))
        return MemoryReport(weights, workspace, staging, report["resident"], report["driver"])


@dataclass(frozen=True)
class FreeReport:
    """What freeing gave back, and what it left."""

    before: MemoryReport
    """What was held."""
    after: MemoryReport
    """What is held now."""
    released: int
    """Reserved bytes that went back."""
    residue: int
    """Reserved bytes that should have gone back and did not: 0, or it would be `errors.Residue`."""
    took: float
    """Seconds."""

    @staticmethod
    def _of(numbers: _Free) -> FreeReport:
        before, after, released, residue, took = numbers
        return FreeReport(MemoryReport._of(before), MemoryReport._of(after), released, residue, took)

    @staticmethod
    def _of_json(report: dict[str, Any]) -> FreeReport:
        """A line of `run --memory-json`."""
        before, after = (MemoryReport._of_json(report[when]) for when in ("before", "after"))
        took = report["took"]
        return FreeReport(before, after, report["released"], report["residue"], took["secs"] + took["nanos"] / 1e9)
