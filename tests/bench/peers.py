"""The runtimes that vitqc is measured against, each as its users run it.

Every peer makes its file of a model once (its own quantizer, calibrated on
the same images) and opens it for a batch and a number of threads. What opens
is a function from images to logits.
"""
import os
from typing import Callable, NamedTuple

import quantize
from quantize import input_of


class Absent(Exception):
    """The peer is not for this CPU: no failure, left out."""


# ---- ONNX Runtime ----

def open_onnxruntime(path, batch, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    name, dimension = input_of(path)
    if dimension:
        options.add_free_dimension_override_by_name(dimension, batch)
    # Its threads may spin within a run, not into the turn of the next peer.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {name: x})[0]


# ---- OpenVINO ----

class OpenVino:
    """A compiled model for one stream: lowest latency, given threads."""

    def __init__(self, path, batch, threads, **properties):
        import openvino
        self.tensor = openvino.Tensor
        core = openvino.Core()
        model = core.read_model(path)
        shape = model.input(0).partial_shape
        shape[0] = batch
        model.reshape(shape)
        self.compiled = core.compile_model(model, "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads, **properties})
        self.request = self.compiled.create_infer_request()
        self.images = None

    def precision(self):
        hint = self.compiled.get_property("INFERENCE_PRECISION_HINT")
        return hint.get_type_name()

    def __call__(self, x):
        if x is not self.images:
            self.request.set_input_tensor(self.tensor(x, shared_memory=True))
            self.images = x
        self.request.infer()
        return self.request.get_output_tensor().data


def open_openvino_fp32(path, batch, threads):
    return OpenVino(path, batch, threads, INFERENCE_PRECISION_HINT="f32")


def open_openvino_bf16(path, batch, threads):
    model = OpenVino(path, batch, threads)
    if model.precision() == "f32":
        raise Absent("OpenVINO computes in f32 on this CPU")
    return model


class Peer(NamedTuple):
    key: str
    label: str
    family: str
    int8: bool
    suffix: str  # of its file
    quantize: Callable  # (model, path, images) writes path; None: the model
    open: Callable  # (path, batch, threads) -> function of images


ORT, OV = "ONNX Runtime", "OpenVINO"
PEERS = (
    Peer("ort_fp32", "ONNX Runtime fp32", ORT, False, "", None,
         open_onnxruntime),
    Peer("ort_dynamic", "ONNX Runtime int8 dynamic", ORT, True, ".onnx",
         quantize.dynamic, open_onnxruntime),
    Peer("ort_u8", "ONNX Runtime int8 QDQ u8/s8", ORT, True, ".onnx",
         quantize.static("QUInt8"), open_onnxruntime),
    Peer("ort_s8", "ONNX Runtime int8 QDQ s8/s8", ORT, True, ".onnx",
         quantize.static("QInt8"), open_onnxruntime),
    Peer("ov_fp32", "OpenVINO fp32", OV, False, "", None,
         open_openvino_fp32),
    Peer("ov_bf16", "OpenVINO bf16", OV, False, "", None,
         open_openvino_bf16),
    Peer("ov_int8", "OpenVINO int8 (NNCF)", OV, True, ".xml",
         quantize.nncf_post_training, OpenVino),
)


def find_file(peer, model, folder):
    """The peer's file of a model, made already or the model itself."""
    if not peer.quantize:
        return model
    return os.path.join(folder, peer.key + peer.suffix)


def make_file(peer, model, folder, images):
    path = find_file(peer, model, folder)
    if peer.quantize and not os.path.exists(path):
        peer.quantize(model, os.path.join(folder, "part." + os.path.basename(
            path)), images)
        for name in os.listdir(folder):  # OpenVINO writes two files
            if name.startswith("part." + peer.key):
                os.replace(os.path.join(folder, name),
                           os.path.join(folder, name[len("part."):]))
    return path

