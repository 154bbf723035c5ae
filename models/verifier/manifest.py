"""Writes verifier.json, the manifest of verifier.onnx, from training.json.

usage: python3 models/verifier/manifest.py [folder]
"""
import hashlib
import json
import os
import sys


def write(folder):
    with open(os.path.join(folder, "verifier.onnx"), "rb") as f:
        data = f.read()
    with open(os.path.join(folder, "training.json")) as f:
        run = json.load(f)
    digest = lambda name: hashlib.new(name, data).hexdigest()
    m = {
        "schema": 1,
        "name": "verifier",
        "version": "1-%s" % digest("sm3")[:8],
        "title": "静置物复核",
        "head": "verifier",
        "source": {"ecosystem": "project", "version": "seed %d" % run["seed"]},
        "files": [{"name": "model.onnx", "size": len(data), "sha256": digest("sha256"), "sm3": digest("sm3")}],
        "labels": ["thing", "removed", "person", "vehicle", "light", "nothing"],
        "input": {
            "name": "input", "layout": "NCHW", "width": 64, "height": 64,
            "planes": ["refR", "refG", "refB", "curR", "curG", "curB", "mask"],
            "scale": 1, "mean": [127.5] * 7, "std": [127.5] * 7, "batch": True,
        },
        "outputs": [{"name": "probabilities", "holds": "judgement", "activation": "none"}],
        "licence": {"spdx": "Apache-2.0", "holder": "Jiexun",
                    "note": "trained on pictures composed from Debian's opencv-doc (Apache-2.0) and drawn shapes"},
        "cost": [{"input": "64x64 pair", "cpuMs": run.get("cpuMs", 0.3), "on": "one thread of a shared two-core x86-64 server, ONNX Runtime 1.30.0"}],
    }
    with open(os.path.join(folder, "verifier.json"), "w") as f:
        json.dump(m, f, indent=2, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
