"""Places for composed pictures: photographs, and drawn streets and shops."""
import cv2
import numpy as np

from sprites import noise_field

W, H = 768, 432


def _ground(r, wall=True):
    """A drawn pavement seen obliquely: slabs, asphalt or grass."""
    kind = r.integers(0, 4)
    n = noise_field(r, H, W)
    base = r.integers(60, 190)
    tint = r.normal(0, 8, 3)
    img = np.empty((H, W, 3), np.float32)
    amp = r.uniform(3, 18)
    for c in range(3):
        img[..., c] = base + tint[c] + amp * n
    if kind in (0, 1):
        cell = r.integers(18, 70)
        flat = np.zeros((900, 1200), np.float32)
        for i in range(0, 900, cell):
            for j in range(0, 1200, cell):
                flat[i:i + cell, j:j + cell] = r.normal(0, r.uniform(2, 14))
        ln = r.uniform(8, 40)
        for i in range(0, 900, cell):
            flat[i:i + 2] -= ln
        for j in range(0, 1200, cell):
            flat[:, j:j + 2] -= ln
        k = r.uniform(0.25, 0.45)
        src = np.float32([[0, 0], [1200, 0], [1200, 900], [0, 900]])
        dst = np.float32([[W * k, 0], [W * (1 - k) + r.uniform(-80, 80), 0], [W * 1.5, H], [-W * 0.5, H]])
        flat = cv2.warpPerspective(flat, cv2.getPerspectiveTransform(src, dst), (W, H), borderMode=cv2.BORDER_REFLECT)
        img += flat[..., None]
    elif kind == 2:
        img *= np.array([0.55, 1.0, 0.75], np.float32)
        img += r.normal(0, r.uniform(5, 16), (H, W, 1)).astype(np.float32)
    if wall and r.random() < 0.5:  # a wall above
        y = int(r.uniform(0.15, 0.45) * H)
        img[:y] = r.integers(50, 220) + r.normal(0, 10, 3) + 6 * n[:y, :, None]
        step = int(r.integers(30, 140))
        for x in range(int(r.integers(0, step)), W, step):
            x1 = min(W, x + int(step * r.uniform(0.3, 0.8)))
            y0 = int(y * r.uniform(0.1, 0.4))
            img[y0:int(y * r.uniform(0.6, 1.0)), x:x1] = r.integers(15, 230) + r.normal(0, 20, 3)
    return np.clip(img, 0, 255).astype(np.uint8)


def _shops(r):
    """A row of shop fronts, drawn: panes with wares behind them, doors, a
    band of signs above, pavement below."""
    img = _ground(r, False).astype(np.float32)
    top, foot = int(H * r.uniform(-.1, .2)), int(H * r.uniform(.4, .75))
    n = noise_field(r, H, W)[..., None]
    wall = r.integers(60, 210) + r.normal(0, 14, 3)
    img[:foot] = wall + r.uniform(2, 9) * n[:foot]
    brick = int(r.integers(4, 14))
    if r.random() < .5:
        img[0:foot:brick] *= r.uniform(.75, .95)
    x = int(r.integers(-120, 40))
    while x < W:
        w = int(r.uniform(110, 320))
        y0 = max(0, top + int(r.uniform(.15, .4) * (foot - top)))
        cv2.rectangle(img, (x, max(0, y0 - int(r.integers(24, 60)))), (x + w - 8, y0 - 4), (r.integers(10, 220) + r.normal(0, 50, 3)).clip(5, 250).tolist(), -1)
        glass = r.integers(20, 130) + r.normal(0, 8, 3)
        cv2.rectangle(img, (x + 4, y0), (x + w - 8, foot - int(r.integers(2, 14))), glass.clip(5, 250).tolist(), -1)
        rows = int(r.integers(2, 6))
        bright = r.uniform(.3, 1.1)
        for j in range(rows):  # wares on shelves
            yy = y0 + int((j + .9) * (foot - y0) / (rows + .5))
            xx = x + 6
            while xx < x + w - 16:
                ww, hh = int(r.integers(3, 16)), int(r.integers(4, max(6, (foot - y0) // (rows + 1))))
                cv2.rectangle(img, (xx, yy - hh), (xx + ww, yy), ((r.integers(30, 200) + r.normal(0, 40, 3)) * bright).clip(3, 250).tolist(), -1)
                xx += ww + int(r.integers(1, 12))
            cv2.line(img, (x + 4, yy + 1), (x + w - 8, yy + 1), (glass * .6).clip(3, 250).tolist(), int(r.integers(1, 3)))
        dx = x + int(r.uniform(.1, .6) * w)  # the door
        cv2.rectangle(img, (dx, y0), (dx + int(r.integers(28, 60)), foot), (r.integers(20, 200) + r.normal(0, 10, 3)).clip(5, 250).tolist(), -1 if r.random() < .5 else 3)
        for px in range(x + 4, x + w, max(20, w // int(r.integers(2, 5)))):
            cv2.line(img, (px, y0), (px, foot), (wall * r.uniform(.6, 1.2)).clip(5, 250).tolist(), int(r.integers(1, 4)))
        x += w
    k = r.uniform(-.12, .12)  # seen a little from the side
    m = cv2.getPerspectiveTransform(np.float32([[0, 0], [W, 0], [W, H], [0, H]]),
                                    np.float32([[0, H * max(k, 0)], [W, H * max(-k, 0)], [W, H * (1 - max(-k, 0) * .5)], [0, H * (1 - max(k, 0) * .5)]]))
    return np.clip(cv2.warpPerspective(img, m, (W, H), borderMode=cv2.BORDER_REPLICATE), 0, 255).astype(np.uint8)


def background(r, src):
    """A picture of a place, from photographs or drawn."""
    k = r.random()
    if k < 0.16:
        return _shops(r)
    if k < 0.5:
        img = src.plate if r.random() < 0.6 else src.frames[r.integers(len(src.frames))]
    elif k < 0.76:
        img = src.photos[r.integers(len(src.photos))]
    else:
        return _ground(r)
    h, w = img.shape[:2]
    s = r.uniform(0.45, 1.0)
    cw = max(40, int(w * s))
    chh = min(h, int(cw * H / W))
    x, y = r.integers(0, w - cw + 1), r.integers(0, h - chh + 1)
    out = cv2.resize(img[y:y + chh, x:x + cw], (W, H), interpolation=cv2.INTER_CUBIC)
    return out[:, ::-1].copy() if r.random() < 0.5 else out
