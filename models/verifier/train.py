"""Trains the verifier from composed pairs and writes verifier.onnx.

usage (from the repository root; needs python3-torch, python3-opencv, Go):
  python3 models/verifier/train.py --pairs 5000 --epochs 12 --out models/verifier

Pairs run through the engine's own change rule (cmd pairdump), so the network
meets the fragments that it will meet at work. Labels come from what was
composed where.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compose as C
import manifest

NAMES = ["thing", "removed", "person", "vehicle", "light", "nothing"]
S = 64


def label(ents, px):
    """The label of one candidate from its pixels at working size, or None."""
    n = px.sum()
    h, w = px.shape
    best, share, total = None, 0.0, 0.0
    shares = {}
    for lab, m in ents:
        small = m[(np.arange(h) * C.H // h)[:, None], (np.arange(w) * C.W // w)[None, :]]
        shares[lab] = shares.get(lab, 0) + (small & (px > 0)).sum() / n
    for lab, s in shares.items():
        total += s
        if s > share:
            best, share = lab, s
    if total < .06:
        return C.NOTHING
    # Contact shadows belong to what casts them, so a third is enough there.
    if share > .3 and share > .75 * total:
        return best
    return None


def crops(tool, src, seed, first, pairs):
    """Composes pairs, pipes them through the change rule, yields crops."""
    p = subprocess.Popen([tool, "-w", str(C.W), "-h", str(C.H)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    truth = {}

    def feed():
        for i in range(first, first + pairs):
            ref, cur, ents = C.compose(np.random.default_rng([seed, i]), src)
            truth[i] = ents
            p.stdin.write(C.to_yuv(ref) + C.to_yuv(cur))
            p.stdin.flush()
        p.stdin.close()

    threading.Thread(target=feed, daemon=True).start()
    w, h = 384, 216
    size = w * h + 7 * S * S

    def read(n):
        b = p.stdout.read(n)
        if len(b) != n:
            raise SystemExit("pairdump ended early")
        return b

    for i in range(first, first + pairs):
        for _ in range(int.from_bytes(read(4), "little")):
            b = np.frombuffer(read(size), np.uint8)
            px = b[:w * h].reshape(h, w)
            lab = label(truth[i], px)
            if lab is None:
                continue
            o = w * h
            ref, cur = b[o:o + 3 * S * S].reshape(S, S, 3), b[o + 3 * S * S:o + 6 * S * S].reshape(S, S, 3)
            yield lab, np.concatenate([ref, cur, b[o + 6 * S * S:].reshape(S, S, 1)], axis=2)
        del truth[i]
    p.wait()


SRC = None  # the sources, shared with the workers by fork
JOB = 100   # pairs of one job


def worker(args):
    import cv2
    cv2.setNumThreads(1)
    tool, seed, first = args
    got = list(crops(tool, SRC, seed, first, JOB))
    return np.stack([x for _, x in got]), np.array([y for y, _ in got], np.uint8)


def dataset(seed, pairs, procs):
    import multiprocessing as mp
    global SRC
    SRC = SRC or C.Sources()
    os.environ["GOMAXPROCS"] = "1"
    tool = os.path.join(os.environ.get("TMPDIR", "/tmp"), "pairdump-%d" % os.getpid())
    subprocess.check_call(["go", "build", "-o", tool, "./edge-agent/internal/analytic/still/pairdump"])
    xs, ys = [], []
    try:
        with mp.get_context("fork").Pool(procs) as pool:
            for x, y in pool.imap(worker, [(tool, seed, i) for i in range(0, pairs, JOB)]):
                xs.append(x)
                ys.append(y)
                print("pairs %d crops %d" % (len(xs) * JOB, sum(map(len, ys))), flush=True)
    finally:
        os.remove(tool)
    return np.concatenate(xs), np.concatenate(ys)


def cached(a, name, seed, pairs):
    """Makes a set of crops, or takes it from the cache folder."""
    path = os.path.join(a.cache, "%s-%d-%d.npz" % (name, seed, pairs))
    if a.cache and os.path.exists(path):
        z = np.load(path)
        return z["x"], z["y"]
    x, y = dataset(seed, pairs, a.procs)
    if a.cache:
        os.makedirs(a.cache, exist_ok=True)
        np.savez(path, x=x, y=y)
    return x, y


def network():
    import torch
    from torch import nn

    class Trunk(nn.Module):
        def __init__(self, cin):
            super().__init__()
            def block(i, o):
                return [nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
            self.net = nn.Sequential(*block(cin, 16), *block(16, 32), *block(32, 48))

        def forward(self, x):
            return self.net(x)

    class Verifier(nn.Module):
        """Reference and current pass one trunk, each with the mask; the head
        sees both and their difference."""

        def __init__(self):
            super().__init__()
            self.trunk = Trunk(4)
            conv = lambda i, o, step: nn.Sequential(nn.Conv2d(i, o, 3, step, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
            self.mix, self.more, self.last = conv(144, 56, 1), conv(56, 56, 1), conv(56, 80, 2)
            self.drop = nn.Dropout(.15)
            self.out = nn.Linear(160, 6)

        def forward(self, x):
            m = x[:, 6:7]
            a, b = self.trunk(torch.cat([x[:, 0:3], m], 1)), self.trunk(torch.cat([x[:, 3:6], m], 1))
            f = self.mix(torch.cat([a, b, torch.abs(a - b)], 1))
            f = self.last(f + self.more(f))
            f = torch.cat([f.mean((2, 3)), f.amax((2, 3))], 1)
            return self.out(self.drop(f))

    return Verifier()


def batch(x, y, idx, r):
    """Augments: mirror, swap of the two pictures, light and colour."""
    import torch
    b = x[idx].astype(np.float32)
    t = y[idx].astype(np.int64)
    flip = r.random(len(idx)) < .5
    b[flip] = b[flip][:, :, ::-1]
    swap = (r.random(len(idx)) < .34) | (t == C.REMOVED)
    b[swap] = b[swap][..., [3, 4, 5, 0, 1, 2, 6]]
    t[swap & (t <= C.VEHICLE)] = C.REMOVED
    g = np.exp(r.normal(0, .18, (len(idx), 1, 1, 1))).astype(np.float32)
    d = np.exp(r.normal(0, .06, (len(idx), 1, 1, 3))).astype(np.float32)
    o = r.normal(0, 8, (len(idx), 1, 1, 1)).astype(np.float32)
    b[..., 0:3] = np.clip(b[..., 0:3] * g + o, 0, 255)
    b[..., 3:6] = np.clip(b[..., 3:6] * g * d + o, 0, 255)
    gray = r.random(len(idx)) < .12
    for s in (slice(0, 3), slice(3, 6)):
        b[gray, ..., s] = b[gray, ..., s].mean(-1, keepdims=True)
    return tensor(b), torch.from_numpy(t)


def tensor(b):
    import torch
    b = b.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(((b - 127.5) / 127.5).transpose(0, 3, 1, 2)))


def evaluate(net, x, y):
    """Accuracy per class; every thing, person and vehicle also swapped."""
    import torch
    hit, num = np.zeros(6), np.zeros(6)
    conf = np.zeros((6, 6), int)
    net.eval()
    with torch.no_grad():
        for i in range(0, len(x), 256):
            b, t = x[i:i + 256], y[i:i + 256].astype(int)
            for sw in (False, True):
                bb, tt = (b[..., [3, 4, 5, 0, 1, 2, 6]], np.where(t <= C.VEHICLE, C.REMOVED, t)) if sw else (b, t)
                p = net(tensor(bb)).argmax(1).numpy()
                keep = np.ones(len(tt), bool) if not sw else (np.arange(len(tt)) % 3 == 0)
                np.add.at(conf, (tt[keep], p[keep]), 1)
    num, hit = conf.sum(1), conf.diagonal()
    return hit / np.maximum(num, 1), hit.sum() / num.sum(), conf


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--pairs", type=int, default=5000)
    ap.add_argument("--epochs", type=int, default=12)
    ap.add_argument("--seed", type=int, default=20261125)
    ap.add_argument("--procs", type=int, default=2)
    ap.add_argument("--threads", type=int, default=1, help="more than one only on an idle machine")
    ap.add_argument("--cache", default="", help="keep the crops in this folder and use them again")
    ap.add_argument("--out", default="models/verifier")
    ap.add_argument("--data-only", action="store_true", help="only make the cache")
    a = ap.parse_args()
    import torch
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    t0 = time.time()
    x, y = cached(a, "train", a.seed % 100000, a.pairs)
    vx, vy = cached(a, "check", a.seed % 100000 + 1, max(300, a.pairs // 10))
    print("crops %d + %d in %.0f s, per class %s" % (len(x), len(vx), time.time() - t0, np.bincount(y, minlength=6)), flush=True)
    if a.data_only:
        return
    net = network()
    print("parameters", sum(p.numel() for p in net.parameters()), flush=True)
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    r = np.random.default_rng(a.seed)
    weight = 1 / np.sqrt(np.maximum(np.bincount(y, minlength=6), 1))
    prob = weight[y] / weight[y].sum()
    per = len(x) // 96
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=per * a.epochs, pct_start=.08)
    loss = torch.nn.CrossEntropyLoss(label_smoothing=.05)
    for ep in range(a.epochs):
        net.train()
        tot = 0.0
        order = r.choice(len(x), per * 96, p=prob)
        for i in range(per):
            b, t = batch(x, y, order[i * 96:(i + 1) * 96], r)
            l = loss(net(b), t)
            opt.zero_grad()
            l.backward()
            opt.step()
            sched.step()
            tot += l.item()
        mean, acc = save(net, a, ep + 1, y, vx, vy)
        print("epoch %d loss %.3f val %.3f %s  %.0f s" % (ep, tot / per, mean, np.round(acc, 2), time.time() - t0), flush=True)


def save(net, a, epochs, y, vx, vy):
    """Writes the weights, what is known about them, and the manifest."""
    acc, mean, conf = evaluate(net, vx, vy)
    export(net, a.out)
    with open(os.path.join(a.out, "training.json"), "w") as f:
        json.dump({"seed": a.seed, "pairs": a.pairs, "epochs": "%d of %d" % (epochs, a.epochs), "crops": int(len(y)), "perClass": dict(zip(NAMES, map(int, np.bincount(y, minlength=6)))),
                   "validationCrops": int(len(vx)), "accuracy": round(float(mean), 4), "perClassAccuracy": dict(zip(NAMES, [round(float(v), 3) for v in acc])),
                   "confusion": conf.tolist(), "parameters": sum(p.numel() for p in net.parameters())}, f, indent=2)
        f.write("\n")
    manifest.write(a.out)
    return mean, acc


def export(net, out):
    import torch

    class WithSoftmax(torch.nn.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n

        def forward(self, x):
            return torch.softmax(self.n(x), 1)

    net.eval()
    torch.onnx.export(WithSoftmax(net), torch.zeros(1, 7, S, S), os.path.join(out, "verifier.onnx"), opset_version=11,
                      input_names=["input"], output_names=["probabilities"],
                      dynamic_axes={"input": {0: "n"}, "probabilities": {0: "n"}})


if __name__ == "__main__":
    main()
