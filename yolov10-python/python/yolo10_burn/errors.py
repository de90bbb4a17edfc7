"""What can go wrong. The classes have the names of the Rust library's errors; what they say, too.

A file that the system does not let us read is Python's own `OSError`, such as `FileNotFoundError`.
"""


class Error(Exception):
    """Everything that this module raises, apart from `OSError`, `ValueError` and `TypeError` for wrong arguments."""


class ClosedError(Error):
    """A detector was used after `close()`."""


class ForkedError(Error):
    """A detector was used in another process than the one that made it."""


class WorkerError(Error):
    """The process of an isolated detector ended, was silent for too long, or says what failed."""


class ProgramError(Error):
    """The program that the wheel brings failed."""


class WeightsError(Error):
    """The weights are not what they should be."""


class CheckpointError(WeightsError):
    """A checkpoint of PyTorch that can't be converted, or a file that is none."""


class NotWeights(WeightsError):
    """The file is not a converted weight file."""


class MissingTensor(WeightsError):
    """The network needs a tensor that the file lacks."""


class NoOneToMany(WeightsError):
    """The one-to-many head was asked for, and the weights have none."""


class MisshapedTensor(WeightsError):
    """A tensor has another shape than the network needs."""


class NotFinite(WeightsError):
    """A tensor holds NaN or infinity."""


class Metadata(WeightsError):
    """A value in the file's metadata is not one that there can be."""


class UnsupportedDtype(WeightsError):
    """A tensor is stored in a type that weights never have."""


class UnusedTensors(WeightsError):
    """The file has tensors that the network does not need."""


class PictureError(Error):
    """A picture can't be had."""


class SourceError(PictureError):
    """A source is missing, unreachable, slow, broken off or not what it should be."""


class NotAPicture(PictureError):
    """What was given is not a picture, or a broken one."""


class PictureTooLarge(PictureError):
    """Decoding a picture would take more memory than it may."""


class FileTooLarge(PictureError):
    """A picture's file is larger than all that its decoding may take."""


class EmptyPicture(PictureError):
    """A picture without pixels."""


class InputSize(Error):
    """An input size that is not a positive multiple of 32."""


class InputSides(Error):
    """An input size whose sides are out of bounds."""


class DeviceError(Error):
    """The device can't do what was asked of it."""


class UnknownDevice(DeviceError):
    """A device's name is unknown."""


class UnknownPrecision(DeviceError):
    """A precision's name is unknown."""


class PrecisionUnsupported(DeviceError):
    """The device does not compute in this precision."""


class NotBuiltIn(DeviceError):
    """This build has no engine for the device."""


class DeviceUnavailable(DeviceError):
    """The device's hardware, driver or libraries are missing."""


class DeviceFailed(DeviceError):
    """The device failed while working."""


class DeviceOutOfMemory(DeviceError):
    """The device has no room for what was asked of it."""


class DeviceInUse(DeviceError):
    """A device can't be shut down while detectors hold memory there."""


class LimitUnsupported(DeviceError):
    """The device's engine can't keep a memory limit."""


class EngineError(DeviceError):
    """The CPU engine: a memory limit that is exceeded, memory or threads that the system refuses."""


class Residue(Error):
    """Memory that should have gone back did not."""
