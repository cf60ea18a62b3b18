"""The peers' own quantizers: (model, path, images) writes the int8 model."""
import os


def input_of(path):
    """Name and batch dimension ("" when it is fixed) of a model's input."""
    import onnx
    graph = onnx.load(path).graph
    known = {i.name for i in graph.initializer}
    image = next(i for i in graph.input if i.name not in known)
    return image.name, image.type.tensor_type.shape.dim[0].dim_param


def preprocess(model, folder):
    """Its own pre-processing before quantization, which it may refuse."""
    from onnxruntime.quantization.shape_inference import quant_pre_process
    path = os.path.join(folder, "ready.onnx")
    if os.path.exists(path):
        return path
    try:
        quant_pre_process(model, path + ".part", skip_symbolic_shape=True)
    except Exception as why:
        print(f"pre-processing skipped: {why}")
        return model
    os.replace(path + ".part", path)
    return path


def dynamic(model, path, images):
    """Linear layers only: a convolution's dynamic form is slower."""
    from onnxruntime import quantization
    quantization.quantize_dynamic(
        preprocess(model, os.path.dirname(path)), path,
        weight_type=quantization.QuantType.QInt8, per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"])


def static(activations):
    def quantize(model, path, images):
        from onnxruntime import quantization

        class Reader(quantization.CalibrationDataReader):
            feeds = iter([{input_of(model)[0]: x[None]} for x in images])

            def get_next(self):
                return next(self.feeds, None)

        quantization.quantize_static(
            preprocess(model, os.path.dirname(path)), path, Reader(),
            quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType[activations],
            weight_type=quantization.QuantType.QInt8)
    return quantize


def nncf_post_training(model, path, images):
    """Post-training quantization, transformer preset: it smooths activations
    (SmoothQuant) and corrects biases."""
    import nncf
    import openvino
    data = nncf.Dataset([x[None].copy() for x in images])
    done = nncf.quantize(openvino.Core().read_model(model), data,
                         model_type=nncf.ModelType.TRANSFORMER,
                         subset_size=len(images))
    openvino.save_model(done, path, compress_to_fp16=False)
