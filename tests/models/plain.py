"""Vision Transformers written out: ViT in the styles of timm, Hugging Face and
torchvision, and the families that no package has.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

IMAGE, PATCH, CLASSES, DEPTH = 32, 8, 10, 2


class FusedAttention(nn.Module):
    """timm: one Linear for q, k and v; reshape, permute, unbind."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def attend(self, q, k, v):
        return ((q * self.scale) @ k.transpose(-2, -1)).softmax(-1) @ v

    def forward(self, x):
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        x = self.attend(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(b, n, c))


class SdpaAttention(FusedAttention):
    """timm with fused attention: F.scaled_dot_product_attention."""

    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


class MaskedAttention(FusedAttention):
    """No token attends to the last three: a boolean mask."""

    def attend(self, q, k, v):
        n = q.shape[2]
        mask = torch.arange(n) < n - 3
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask.expand(1, 1, n, n))


class SeparateAttention(nn.Module):
    """Hugging Face: three Linears, scores divided by sqrt(d)."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.size = heads, dim // heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.dense = nn.Linear(dim, dim)

    def split(self, x):
        x = x.view(x.size()[:-1] + (self.heads, self.size))
        return x.permute(0, 2, 1, 3)

    def forward(self, x):
        k = self.split(self.key(x))
        v = self.split(self.value(x))
        q = self.split(self.query(x))
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.size)
        x = F.dropout(scores.softmax(-1), 0.1, self.training) @ v
        x = x.permute(0, 2, 1, 3).contiguous()
        return self.dense(x.view(x.size()[:-2] + (self.heads * self.size,)))


class TorchAttention(nn.Module):
    """torchvision: nn.MultiheadAttention."""

    def __init__(self, dim, heads):
        super().__init__()
        self.mha = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x):
        return self.mha(x, x, x, need_weights=False)[0]


class LayerScale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(dim) + 0.5)

    def forward(self, x):
        return x * self.gamma


class Block(nn.Module):
    def __init__(self, dim, heads, attention, gelu, scale):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = attention(dim, heads)
        self.ls1 = LayerScale(dim) if scale else nn.Identity()
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.fc1 = nn.Linear(dim, 2 * dim)
        self.act = nn.GELU(approximate=gelu)
        self.fc2 = nn.Linear(2 * dim, dim)
        self.ls2 = LayerScale(dim) if scale else nn.Identity()

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.fc2(self.act(self.fc1(self.norm2(x)))))


class Vit(nn.Module):
    """pool: `token`, `pooler` (Hugging Face's, with tanh) or `mean`."""

    def __init__(self, attention, dim, pool="token", gelu="none", scale=False,
                 image=IMAGE, patch=PATCH, depth=DEPTH, heads=2,
                 classes=CLASSES):
        super().__init__()
        tokens = (image // patch) ** 2 + 1
        self.pool = pool
        self.patch = nn.Conv2d(3, dim, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.5)
        self.pos = nn.Parameter(torch.randn(1, tokens, dim) * 0.5)
        self.blocks = nn.Sequential(
            *[Block(dim, heads, attention, gelu, scale) for _ in range(depth)]
        )
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pooler = nn.Linear(dim, dim) if pool == "pooler" else None
        self.head = nn.Linear(dim, classes)

    def forward(self, pixels):
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        x = self.norm(self.blocks(x + self.pos))
        if self.pool == "mean":
            return self.head(x[:, 1:].mean(1))
        x = x[:, 0]
        if self.pooler:
            x = torch.tanh(self.pooler(x))
        return self.head(x)


class SequencePool(nn.Module):
    """CCT: the mean over the tokens, weighted by a softmax over them."""

    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, x):
        weight = F.softmax(self.score(x), dim=1)
        return torch.matmul(weight.transpose(-1, -2), x).squeeze(-2)


class Cct(nn.Module):
    """Compact convolutional transformer (Hassani et al., 2021): `stages` of
    convolution, ReLU and overlapping maximum pooling make the tokens."""

    def __init__(self, dim, depth, heads, stages, classes):
        super().__init__()
        layers = []
        for i in range(stages):
            inner = 3 if i == 0 else 64
            outer = dim if i == stages - 1 else 64
            layers += [nn.Conv2d(inner, outer, 7 if stages > 1 else 3,
                                 2 if stages > 1 else 1,
                                 3 if stages > 1 else 1, bias=False),
                       nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        if stages == 1:
            layers.append(nn.MaxPool2d(3, 2, 1))
        self.tokenizer = nn.Sequential(*layers)
        side = 8 if stages == 1 else 14
        self.pos = nn.Parameter(torch.randn(1, side * side, dim) * 0.2)
        self.blocks = nn.Sequential(*[
            Block(dim, heads, FusedAttention, "none", False)
            for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.pool = SequencePool(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, pixels):
        x = self.tokenizer(pixels).flatten(2, 3).transpose(-2, -1)
        return self.head(self.pool(self.norm(self.blocks(x + self.pos))))


class ConvStemVit(nn.Module):
    """A ViT behind four convolutions (Xiao et al., 2021)."""

    def __init__(self, dim, depth, heads, image, classes):
        super().__init__()
        widths = [3] + [dim // 8 * (1 << i) for i in range(4)]
        steps = (2, 2, 2, 2) if image > 64 else (2, 2, 2, 1)
        stem = []
        for inner, outer, step in zip(widths, widths[1:], steps):
            stem += [nn.Conv2d(inner, outer, 3, step, 1, bias=False),
                     nn.BatchNorm2d(outer), nn.ReLU()]
        self.stem = nn.Sequential(*stem, nn.Conv2d(widths[-1], dim, 1))
        count = 1
        for step in steps:
            count *= step
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.2)
        self.pos = nn.Parameter(
            torch.randn(1, (image // count) ** 2 + 1, dim) * 0.2)
        self.blocks = nn.Sequential(*[
            Block(dim, heads, SdpaAttention, "none", False)
            for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, pixels):
        x = self.stem(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        return self.head(self.norm(self.blocks(x + self.pos))[:, 0])
