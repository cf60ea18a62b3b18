"""The models of the matrix, each in two sizes: `small` for the repository (two
blocks, narrow, 32 or 64 pixels) and `full` as it is used.

MODELS has a row for each: where it comes from, its two makers, their image
sizes, what is taken of its outputs, and the forms in which it is exported
(export.py says what a form is; one with a star is kept in the repository).
"""
import dataclasses
import os

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

# torchvision's wheel needs these two declared where torch has no CUDA.
_ops = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    try:
        _ops.define(f"{_name}(Tensor boxes, Tensor scores, float t) -> Tensor")
    except RuntimeError:
        pass

import timm
import torchvision.models as tv
import transformers as hf

import plain


def logits(y):
    return y.logits if hasattr(y, "logits") else y


def pooled(y):
    return y.pooler_output


def tokens(y):
    return y.last_hidden_state


def both_heads(y):
    return y.cls_logits, y.distillation_logits


def tokens_and_pooled(y):
    return y.last_hidden_state, y.pooler_output


def embeds(y):
    return y.image_embeds


@dataclasses.dataclass
class Row:
    name: str
    source: str
    small: object
    full: object
    forms: str
    pick: object = logits
    sizes: tuple = (32, 224)
    hardened: bool = False  # full: how it is trained (export.py)

    def exports(self):
        """Forms, and whether each is kept in the repository."""
        return {f.rstrip("*"): f.endswith("*") for f in self.forms.split()}

    def build(self, size):
        torch.manual_seed(1)
        return Only(self.small() if size == "small" else self.full(),
                    self.pick, self.source)


class Only(torch.nn.Module):
    """The model with the outputs that are asked for."""

    def __init__(self, model, pick, source):
        super().__init__()
        self.model, self.pick, self.source = model, pick, source

    def forward(self, pixel_values):
        if self.source == "hf":
            return self.pick(self.model(pixel_values=pixel_values))
        return self.pick(self.model(pixel_values))


ROWS = []


def add(name, source, small, full, forms, **more):
    ROWS.append(Row(name, source, small, full, forms, **more))


def add_timm(name, arch, small, forms, full=None, **more):
    """small: what makes `arch` small; full: what else it is given."""
    small = {"num_classes": 10, **small}
    add(name, "timm", lambda: timm.create_model(arch, **small),
        lambda: timm.create_model(arch, **(full or {})), forms, **more)


def add_hf(name, model, config, small, forms, full=None, **more):
    def make(given):
        return lambda: getattr(hf, model)(getattr(hf, config)(**given))

    add(name, "hf", make(small), make(full or {}), forms, **more)


def add_tv(name, make, small, forms, full=None, **more):
    add(name, "torchvision", lambda: make(num_classes=10, **small),
        full or make, forms, **more)


# Makers' arguments that appear more than once.
VIT = dict(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2,
           mlp_ratio=2)
HF = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
          intermediate_size=32, image_size=32, patch_size=8, num_labels=10)
HF_S = dict(hidden_size=384, num_hidden_layers=12, num_attention_heads=6,
            intermediate_size=1536, image_size=224, patch_size=16,
            num_labels=1000)
TV = dict(image_size=32, patch_size=8, num_layers=2, num_heads=2,
          hidden_dim=16, mlp_dim=32)

# -- ViT, DeiT -----------------------------------------------------------------
add_timm("vit_timm", "vit_small_patch16_224", VIT,
         "ts17* ts11* ts13 ts14 ts16 ts18 dyn18* dyn20* dyn21 dyn23* "
         "dyn18+batch* ts17+batch dyn18+data* dyn18+raw* dyn20+functions* "
         "ts17+fp16* dyn18+bf16* ts14+ort* ts17+ort ts17+names* "
         "ts17+nhwc*")
add("vit_masked", "plain", lambda: plain.Vit(plain.MaskedAttention, 16),
    lambda: plain.Vit(plain.MaskedAttention, 192, image=224, patch=16, depth=12,
                      heads=3, classes=1000), "ts14 dyn18* dyn23*")
add_timm("vit_timm_features", "vit_tiny_patch16_224",
         {**VIT, "num_classes": 0, "global_pool": ""}, "ts17 dyn18*",
         full={"num_classes": 0, "global_pool": ""})
add_hf("vit_hf", "ViTForImageClassification", "ViTConfig", HF,
       "ts11 ts14* ts17 dyn18 dyn23* ts14+batch", full=HF_S)
add_hf("vit_hf_two_outputs", "ViTModel", "ViTConfig", HF, "ts17*", full=HF_S,
       pick=tokens_and_pooled)
add_tv("vit_torchvision", tv.VisionTransformer, TV, "ts14* ts17 dyn18 dyn21*",
       full=tv.vit_b_32)
add_hf("deit_hf", "DeiTForImageClassification", "DeiTConfig", HF, "ts14",
       full=HF_S)
add_hf("deit_distilled_hf", "DeiTForImageClassificationWithTeacher",
       "DeiTConfig", HF, "ts14 dyn18*", full=HF_S, pick=both_heads)
add_timm("deit_distilled_timm", "deit_tiny_distilled_patch16_224", VIT, "ts13*")
add_timm("deit3_timm", "deit3_small_patch16_224", VIT, "ts17*")
# -- BEiT, CLIP, SigLIP --------------------------------------------------------
add_hf("beit_hf", "BeitForImageClassification", "BeitConfig",
       dict(HF, use_relative_position_bias=True, layer_scale_init_value=0.1),
       "ts14 dyn18",
       full=dict(HF_S, use_relative_position_bias=True,
                 layer_scale_init_value=0.1))
add_timm("beit_timm", "beit_base_patch16_224", VIT, "ts17*",
         full=dict(embed_dim=384, num_heads=6))
add_hf("clip_hf", "CLIPVisionModelWithProjection", "CLIPVisionConfig",
       dict(HF, projection_dim=16), "ts14* dyn18 dyn23*",
       full=dict(HF_S, projection_dim=512), pick=embeds)
add_timm("clip_timm", "vit_base_patch32_clip_224", VIT, "ts17*",
         full=dict(embed_dim=384, num_heads=6))
add_hf("siglip_hf", "SiglipVisionModel", "SiglipVisionConfig", HF,
       "ts14 dyn18*", full=HF_S, pick=pooled)
add_timm("siglip_timm", "vit_base_patch16_siglip_224",
         {**VIT, "num_classes": 0}, "ts17*",
         full=dict(embed_dim=384, num_heads=6))
# -- DINO ----------------------------------------------------------------------
add_hf("dinov2_hf", "Dinov2Model", "Dinov2Config", dict(HF, mlp_ratio=2),
       "ts14* dyn18", full=dict(HF_S, patch_size=14), pick=pooled)
add_hf("dinov2_resized_hf", "Dinov2Model", "Dinov2Config",
       dict(HF, mlp_ratio=2, image_size=48), "ts17 dyn18*",
       full=dict(HF_S, patch_size=14, image_size=518), pick=pooled)
add_hf("dinov2_registers_hf", "Dinov2WithRegistersModel",
       "Dinov2WithRegistersConfig", dict(HF, mlp_ratio=2), "dyn18*",
       full=dict(HF_S, patch_size=14), pick=pooled)
add_hf("dinov2_swiglu_hf", "Dinov2Model", "Dinov2Config",
       dict(HF, mlp_ratio=2, use_swiglu_ffn=True), "ts14* dyn18*",
       full=dict(HF_S, patch_size=14, use_swiglu_ffn=True), pick=pooled)
add_timm("dinov2_timm", "vit_small_patch14_reg4_dinov2",
         {**VIT, "init_values": 0.1}, "ts17*",
         full=dict(img_size=224, init_values=0.1))
add_hf("dinov3_hf", "DINOv3ViTModel", "DINOv3ViTConfig", HF, "ts17 dyn18*",
       full=HF_S, pick=tokens)
add_timm("dinov3_timm", "vit_small_patch16_dinov3", VIT, "dyn18*",
         full=dict(img_size=224))
add_timm("eva02_timm", "eva02_tiny_patch14_224", VIT, "ts17* dyn20")
# -- Swin ----------------------------------------------------------------------
SWIN = dict(img_size=32, patch_size=2, embed_dim=8, mlp_ratio=2, depths=(1, 2),
            num_heads=(1, 2), window_size=4)
HF_SWIN = dict(image_size=32, patch_size=2, embed_dim=8, mlp_ratio=2.0,
               depths=[1, 2], num_heads=[1, 2], window_size=4, num_labels=10)
TV_SWIN = dict(patch_size=[2, 2], embed_dim=8, mlp_ratio=2, depths=[1, 2],
               num_heads=[1, 2], window_size=[4, 4])
add_timm("swin_timm", "swin_tiny_patch4_window7_224", SWIN,
         "ts13 ts17 dyn18*")
add_hf("swin_hf", "SwinForImageClassification", "SwinConfig", HF_SWIN, "ts17*",
       full=dict(num_labels=1000))
add_tv("swin_torchvision", tv.SwinTransformer, TV_SWIN, "ts17*",
       full=tv.swin_t)
add_timm("swinv2_timm", "swinv2_tiny_window8_256", SWIN, "ts16 dyn18",
         sizes=(32, 256))
add_hf("swinv2_hf", "Swinv2ForImageClassification", "Swinv2Config", HF_SWIN,
       "ts17*", full=dict(num_labels=1000, image_size=256, window_size=8),
       sizes=(32, 256))
add_tv("swinv2_torchvision", tv.SwinTransformer,
       dict(TV_SWIN, block=tv.swin_transformer.SwinTransformerBlockV2,
            downsample_layer=tv.swin_transformer.PatchMergingV2),
       "ts17", full=tv.swin_v2_t, sizes=(32, 256))
# -- with convolutions ---------------------------------------------------------
add_hf("mobilevit_hf", "MobileViTForImageClassification", "MobileViTConfig",
       dict(image_size=64, hidden_sizes=[16, 16, 16], num_labels=10,
            neck_hidden_sizes=[8, 8, 8, 12, 12, 16, 32], num_attention_heads=2),
       "ts14 dyn18*", full=dict(image_size=256, num_labels=1000),
       sizes=(64, 256))
add_timm("mobilevit_timm", "mobilevit_xxs", {}, "ts17", sizes=(64, 256))
add_timm("mobilevitv2_timm", "mobilevitv2_050", {}, "ts17", sizes=(64, 256),
         hardened=True)
add_timm("tinyvit_timm", "tiny_vit_5m_224",
         dict(embed_dims=(8, 8, 16, 16), depths=(1, 1, 2, 1), mlp_ratio=2,
              num_heads=(1, 1, 2, 2), window_sizes=(4, 4, 4, 2)),
         "ts17* dyn18", sizes=(64, 224))
add_timm("levit_timm", "levit_128s",
         dict(img_size=64, embed_dim=(16, 24, 32), key_dim=8, depth=(1, 1, 1),
              num_heads=(2, 2, 2)), "ts17 dyn18*", sizes=(64, 224))
add_hf("levit_hf", "LevitForImageClassification", "LevitConfig",
       dict(image_size=64, hidden_sizes=[16, 24, 32], depths=[1, 1, 1],
            num_attention_heads=[2, 2, 2], key_dim=[8, 8, 8], num_labels=10),
       "ts14 dyn18*", full=dict(num_labels=1000), sizes=(64, 224))
add("cct", "plain", lambda: plain.Cct(16, 2, 2, 1, 10),
    lambda: plain.Cct(256, 7, 4, 2, 1000), "ts13* ts17 dyn18*", pick=logits,
    sizes=(32, 224))
add("vit_convstem", "plain", lambda: plain.ConvStemVit(32, 2, 2, 32, 10),
    lambda: plain.ConvStemVit(192, 12, 3, 224, 1000), "ts17*")
add_timm("convnext_timm", "convnext_atto",
         dict(dims=(8, 16, 24, 32), depths=(1, 1, 1, 1)), "ts17*")
add_hf("convnext_hf", "ConvNextForImageClassification", "ConvNextConfig",
       dict(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_labels=10),
       "dyn18*", full=dict(num_labels=1000))
# -- other attention -----------------------------------------------------------
add_timm("cait_timm", "cait_xxs24_224", VIT, "ts17*")
add_timm("xcit_timm", "xcit_nano_12_p16_224",
         dict(img_size=32, embed_dim=16, depth=2, num_heads=2), "ts17*")
add_timm("pvt_timm", "pvt_v2_b0",
         dict(embed_dims=(8, 16, 24, 32), depths=(1, 1, 1, 1),
              num_heads=(1, 1, 2, 2)), "ts17 dyn18*", sizes=(64, 224))
add_hf("cvt_hf", "CvtForImageClassification", "CvtConfig",
       dict(embed_dim=[8, 16, 24], num_heads=[1, 1, 2], depth=[1, 2, 3],
            num_labels=10), "ts17",
       full=dict(num_labels=1000), sizes=(64, 224))

MODELS = {row.name: row for row in ROWS}
