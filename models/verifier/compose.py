"""Composes pairs of street pictures (reference, current) with known content.

A pair shows the same place twice; between the two, things, persons, vehicles
or light were added. compose() returns both pictures and one mask per added
entity. Everything is drawn from one numpy generator, so a seed gives the same
pairs. Pictures come from Debian's opencv-doc only.
"""
import os

import cv2
import numpy as np

W, H = 768, 432
THING, REMOVED, PERSON, VEHICLE, LIGHT, NOTHING = range(6)
DOC = os.environ.get("OPENCV_DOC", "/usr/share/doc/opencv-doc/examples/data")


def _load(name):
    return cv2.imread(os.path.join(DOC, name))


class Sources:
    """Backgrounds, cut-out persons and photo textures."""

    def __init__(self, limit=4000):
        frames = []
        cap = cv2.VideoCapture(os.path.join(DOC, "vtest.avi"))
        while True:
            ok, f = cap.read()
            if not ok or len(frames) >= limit:
                break
            frames.append(f)
        if len(frames) < 100:
            raise SystemExit("vtest.avi not found under %s: install opencv-doc" % DOC)
        self.plate = np.median(np.stack(frames[::14]), axis=0).astype(np.uint8)
        self.frames = frames[::9]
        self.persons = self._cut_persons(frames[::4])
        names = ["leuvenA.jpg", "leuvenB.jpg", "building.jpg", "home.jpg", "aloeL.jpg", "stuff.jpg",
                 "graf1.png", "box_in_scene.png", "rubberwhale1.png"]
        self.photos = [p for p in map(_load, names) if p is not None and min(p.shape[:2]) > 150]
        tex = ["fruits.jpg", "apple.jpg", "board.jpg", "baboon.jpg", "smarties.png", "box.png", "graf3.png",
               "orange.jpg", "aloeL.jpg", "butterfly.jpg", "home.jpg", "building.jpg", "leuvenA.jpg",
               "starry_night.jpg", "cards.png", "messi5.jpg", "ela_original.jpg", "squirrel_cls.jpg"]
        self.textures = [p for p in map(_load, tex) if p is not None]
        self.vehicles = self._cut_vehicles()
        self.plants = self._cut_plant()
        g = np.random.default_rng(1)
        self.grain = []
        for _ in range(6):  # sensor noise, fine and coarse
            fine = g.standard_normal((H + 64, W + 64)).astype(np.float32)
            coarse = g.standard_normal((H // 2 + 32, W // 2 + 32)).astype(np.float32).repeat(2, 0).repeat(2, 1)
            self.grain.append(.8 * fine + .5 * coarse)

    def _cut_persons(self, frames):
        """Persons as (colour, alpha), cut where the picture leaves the plate."""
        plate = cv2.GaussianBlur(self.plate, (0, 0), 1.2).astype(np.int16)
        out = []
        for f in frames:
            d = np.abs(cv2.GaussianBlur(f, (0, 0), 1.2).astype(np.int16) - plate).max(axis=2)
            m = cv2.morphologyEx((d > 26).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 5), np.uint8))
            n, lab, st, _ = cv2.connectedComponentsWithStats(m)
            for i in range(1, n):
                x, y, w, h, a = st[i]
                if not (44 <= h <= 150 and 12 <= w <= 60 and 1.6 <= h / w <= 4.2 and a > 0.42 * w * h):
                    continue
                if x < 3 or y < 3 or x + w > f.shape[1] - 3 or y + h > f.shape[0] - 3:
                    continue
                al = cv2.GaussianBlur((lab[y - 2:y + h + 2, x - 2:x + w + 2] == i).astype(np.float32), (0, 0), 0.8)
                out.append((f[y - 2:y + h + 2, x - 2:x + w + 2].copy(), al))
        return out

    def _cut_vehicles(self):
        """The parked van and car, outlined by hand on the plate, and a car's rear."""
        out = []
        van = [(653, 92), (652, 66), (658, 47), (672, 43), (706, 45), (714, 49), (722, 68), (722, 90), (708, 95), (698, 100), (660, 96)]
        car = [(735, 90), (735, 68), (741, 54), (750, 50), (767, 52), (767, 92)]
        for poly in (van, car):
            p = np.array(poly)
            x0, y0 = p.min(0) - 2
            x1, y1 = p.max(0) + 3
            x1 = min(x1, self.plate.shape[1])
            m = np.zeros(self.plate.shape[:2], np.uint8)
            cv2.fillPoly(m, [p], 255, cv2.LINE_AA)
            out.append((self.plate[y0:y1, x0:x1].copy(), m[y0:y1, x0:x1].astype(np.float32) / 255))
        rear = _load("licenseplate_motion.jpg")
        if rear is not None:
            h, w = rear.shape[:2]
            m = np.zeros((h, w), np.uint8)
            cv2.fillPoly(m, [np.array([(int(w * a), int(h * b)) for a, b in
                         ((.03, .55), (.12, .40), (.17, .12), (.35, .03), (.62, .03), (.82, .12), (.90, .40), (.97, .52), (.97, .88), (.85, .97), (.12, .97), (.03, .85))])], 255)
            out.append((rear, m.astype(np.float32) / 255))
        return out

    def _cut_plant(self):
        img, gt = _load("aloeL.jpg"), cv2.imread(os.path.join(DOC, "aloeGT.png"), 0)
        if img is None or gt is None:
            return []
        s = 300 / max(img.shape[:2])
        img = cv2.resize(img, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
        gt = cv2.resize(gt, (img.shape[1], img.shape[0]))
        m = cv2.morphologyEx((gt > np.percentile(gt, 60)).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        n, lab, st, _ = cv2.connectedComponentsWithStats(m)
        if n < 2:
            return []
        i = 1 + int(np.argmax(st[1:, 4]))
        return [(img, cv2.GaussianBlur((lab == i).astype(np.float32), (0, 0), 1))]


# ---------------------------------------------------------------- backgrounds

def _noise_field(r, h, w, octaves=4):
    out = np.zeros((h, w), np.float32)
    for o in range(octaves):
        s = 2 ** (o + 1)
        n = r.standard_normal((max(2, h // (64 // s) if s < 64 else h), max(2, w // (64 // s) if s < 64 else w))).astype(np.float32)
        out += cv2.resize(n, (w, h), interpolation=cv2.INTER_LINEAR) / (o + 1)
    return out / max(1e-6, out.std())


def _ground(r):
    """A drawn pavement seen obliquely: slabs, asphalt or grass."""
    kind = r.integers(0, 4)
    n = _noise_field(r, H, W)
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
    if r.random() < 0.5:  # a wall above
        y = int(r.uniform(0.15, 0.45) * H)
        img[:y] = r.integers(50, 220) + r.normal(0, 10, 3) + 6 * n[:y, :, None]
        step = int(r.integers(30, 140))
        for x in range(int(r.integers(0, step)), W, step):
            x1 = min(W, x + int(step * r.uniform(0.3, 0.8)))
            y0 = int(y * r.uniform(0.1, 0.4))
            img[y0:int(y * r.uniform(0.6, 1.0)), x:x1] = r.integers(15, 230) + r.normal(0, 20, 3)
    return np.clip(img, 0, 255).astype(np.uint8)


def background(r, src):
    k = r.random()
    if k < 0.45:
        img = src.plate if r.random() < 0.6 else src.frames[r.integers(len(src.frames))]
    elif k < 0.75:
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


# ------------------------------------------------------------------ sprites

def _colour(r, lo=15, hi=235):
    c = r.uniform(lo, hi) + r.normal(0, 45 if r.random() < 0.6 else 8, 3)
    return np.clip(c, 5, 250)


def _texture(r, src, h, w):
    k = r.random()
    if k < 0.35:
        t = src.textures[r.integers(len(src.textures))]
        th, tw = t.shape[:2]
        ch, cw = max(8, int(th * r.uniform(0.15, 0.8))), max(8, int(tw * r.uniform(0.15, 0.8)))
        y, x = r.integers(0, th - ch + 1), r.integers(0, tw - cw + 1)
        return cv2.resize(t[y:y + ch, x:x + cw], (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
    img = np.ones((h, w, 3), np.float32) * _colour(r)
    img += r.uniform(0, 14) * _noise_field(r, h, w, 3)[..., None]
    if k < 0.6:  # slats or stripes
        step = max(3, int(r.integers(3, 14)))
        col = _colour(r)
        for i in range(0, h if r.random() < 0.5 else w, step):
            if h > w:
                img[i:i + max(1, step // 3)] = col
            else:
                img[:, i:i + max(1, step // 3)] = col
    elif k < 0.8:  # many small goods
        for _ in range(int(r.integers(6, 40))):
            cv2.circle(img, (int(r.integers(0, w)), int(r.integers(0, h))), int(max(1, r.uniform(0.04, 0.14) * min(h, w))),
                       _colour(r).tolist(), -1, cv2.LINE_AA)
    return img


def _shade(r, img):
    h, w = img.shape[:2]
    g = 1 + np.linspace(-1, 1, w)[None, :] * r.uniform(-0.25, 0.25) + np.linspace(-1, 1, h)[:, None] * r.uniform(-0.3, 0.05)
    return img * g[..., None].astype(np.float32)


def thing(r, src, size):
    """One thing put down: colour and alpha, about size pixels high."""
    h = max(8, int(size))
    w = max(8, int(size * r.uniform(0.5, 2.2)))
    al = np.zeros((h, w), np.float32)
    img = _shade(r, _texture(r, src, h, w))
    P = lambda pts: np.array([(x * (w - 1), y * (h - 1)) for x, y in pts], np.int32)
    k = r.integers(0, 10)
    if k == 0 and src.plants:
        pimg, pa = src.plants[0]
        return cv2.resize(pimg, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32), cv2.resize(pa, (w, h))
    if k <= 2:  # box in two or three faces
        t, s = r.uniform(0.1, 0.45), r.uniform(0.1, 0.5)
        cv2.fillPoly(al, [P([(0, t), (s, 0), (1, t * 0.4), (1, 1 - t * .6), (1 - s * .5, 1), (0, 1 - t * .2)])], 1, cv2.LINE_AA)
        m = np.zeros((h, w), np.uint8)
        cv2.fillPoly(m, [P([(0, t), (s, 0), (1, t * 0.4), (1 - s * .5, t * 1.2)])], 1)
        img[m > 0] *= r.uniform(1.1, 1.5)
        m[:] = 0
        cv2.fillPoly(m, [P([(1 - s * .5, t * 1.2), (1, t * .4), (1, 1 - t * .6), (1 - s * .5, 1)])], 1)
        img[m > 0] *= r.uniform(0.45, 0.8)
    elif k == 3:  # sack or bag
        pts = [(0.5 + 0.5 * np.cos(a) * r.uniform(0.75, 1), 0.55 + 0.45 * np.sin(a) * r.uniform(0.8, 1)) for a in np.linspace(0, 2 * np.pi, 14)]
        cv2.fillPoly(al, [P(np.clip(pts, 0, 1))], 1, cv2.LINE_AA)
        cv2.ellipse(al, (w // 2, int(h * .25)), (max(2, w // 5), max(2, h // 4)), 0, 180, 360, 1, max(1, h // 14))
    elif k in (4, 5):  # table or stall with goods on it
        y = r.uniform(0.3, 0.6)
        cv2.fillPoly(al, [P([(0, y), (.12, y - .2), (.92, y - .2), (1, y), (1, y + .12), (0, y + .12)])], 1, cv2.LINE_AA)
        for x in (.04, .2, .8, .95):
            cv2.line(al, tuple(P([(x, y)])[0].tolist()), tuple(P([(x, 1)])[0].tolist()), 1, max(1, w // 28))
        for _ in range(int(r.integers(3, 12))):
            x, yy, s = r.uniform(.08, .9), y - .12, r.uniform(.04, .14)
            p0, p1 = P([(x - s, max(0, yy - 2 * s)), (x + s, yy + .06)])
            cv2.rectangle(al, tuple(p0.tolist()), tuple(p1.tolist()), 1, -1)
            img[p0[1]:p1[1] + 1, max(0, p0[0]):p1[0] + 1] = _colour(r)
        if r.random() < .5:
            img[int(y * h):] *= r.uniform(.3, .8)
    elif k == 6:  # rack with clothes or shelf
        h2 = max(h, int(w * r.uniform(.7, 1.6)))
        img, al = cv2.resize(img, (w, h2)), np.zeros((h2, w), np.float32)
        h = h2
        t = max(1, w // 30)
        cv2.rectangle(al, (t, t), (w - 1 - t, h - 1), 1, t)
        n = int(r.integers(3, 9))
        for i in range(n):
            x0, x1 = int((.06 + .88 * i / n) * w), int((.06 + .88 * (i + .9) / n) * w)
            y1 = int(h * r.uniform(.5, .9))
            al[t:y1, x0:x1 + 1] = 1
            img[t:y1, x0:x1 + 1] = _colour(r) + r.normal(0, 8, (y1 - t, x1 + 1 - x0, 3))
    elif k == 7:  # pot, bin, bottle, barrel
        e = r.uniform(.05, .2)
        cv2.fillPoly(al, [P([(r.uniform(0, .2), e), (1 - r.uniform(0, .2), e), (1 - r.uniform(.0, .3), 1 - e), (r.uniform(0, .3), 1 - e)])], 1, cv2.LINE_AA)
        cv2.ellipse(al, (w // 2, int(h * e)), (int(w * .42), max(1, int(h * e))), 0, 0, 360, 1, -1)
        cv2.ellipse(al, (w // 2, int(h * (1 - e)) - 1), (int(w * .38), max(1, int(h * e))), 0, 0, 360, 1, -1)
        img *= (1.15 - np.abs(np.linspace(-1, 1, w)) ** 2 * .6)[None, :, None].astype(np.float32)
        img[:max(1, int(2 * e * h))] *= r.uniform(.4, 1.3)
    elif k == 8:  # stack of several boxes or crates
        n = int(r.integers(2, 5))
        y = 1.0
        for i in range(n):
            dh = 1.0 / n
            x0, x1 = r.uniform(0, .2), r.uniform(.75, 1)
            p0, p1 = P([(x0, y - dh), (x1, y)])
            al[p0[1]:p1[1] + 1, p0[0]:p1[0] + 1] = 1
            img[p0[1]:p1[1] + 1, p0[0]:p1[0] + 1] = _shade(r, _texture(r, src, p1[1] + 1 - p0[1], p1[0] + 1 - p0[0]))
            cv2.line(img, tuple(p0.tolist()), (int(p1[0]), int(p0[1])), (_colour(r) * .5).tolist(), 1)
            y -= dh
    else:  # heap, basket
        cv2.ellipse(al, (w // 2, int(h * .6)), (int(w * .48), int(h * .38)), 0, 0, 360, 1, -1)
        al[int(h * .6):] *= 1
        p = P([(.06, .6), (.94, .6), (.8, 1), (.2, 1)])
        cv2.fillPoly(al, [p], 1, cv2.LINE_AA)
        m = np.zeros((h, w), np.uint8)
        cv2.fillPoly(m, [p], 1)
        img[m > 0] = (_colour(r) + r.normal(0, 12, (int((m > 0).sum()), 3)))
    return np.clip(img, 0, 255), np.clip(al, 0, 1)


def person(r, src, size):
    img, al = src.persons[r.integers(len(src.persons))]
    s = size / img.shape[0]
    w = max(5, int(img.shape[1] * s * r.uniform(.85, 1.2)))
    h = max(12, int(size))
    it = cv2.INTER_AREA if s < 1 else cv2.INTER_CUBIC
    img, al = cv2.resize(img, (w, h), interpolation=it).astype(np.float32), cv2.resize(al, (w, h))
    if r.random() < .5:
        img, al = img[:, ::-1].copy(), al[:, ::-1].copy()
    if r.random() < .7:  # other clothes
        y0, y1 = int(h * r.uniform(.14, .2)), int(h * r.uniform(.45, .58))
        img[y0:y1] = img[y0:y1] * r.uniform(.5, 1.2) + (_colour(r) - 60) * r.uniform(.2, .9)
        y2 = int(h * r.uniform(.86, .97))
        img[y1:y2] = img[y1:y2] * r.uniform(.5, 1.2) + (_colour(r, 15, 160) - 60) * r.uniform(.1, .8)
    if r.random() < .15:  # carries something
        cv2.ellipse(img, (int(w * r.uniform(.1, .9)), int(h * .6)), (max(2, w // 5), max(2, h // 10)), 0, 0, 360, _colour(r).tolist(), -1)
    return np.clip(img, 0, 255), np.clip(al, 0, 1)


def vehicle(r, src, size):
    k = r.random()
    if k < .4:
        img, al = src.vehicles[r.integers(len(src.vehicles))]
        h = max(12, int(size))
        w = max(12, int(img.shape[1] * h / img.shape[0] * r.uniform(.8, 1.6)))
        img, al = cv2.resize(img, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32), cv2.resize(al, (w, h))
        if r.random() < .5:
            img, al = img[:, ::-1].copy(), al[:, ::-1].copy()
        if r.random() < .7:
            img = img * (1 - (a := r.uniform(.2, .75))) + a * _colour(r) * (img.mean(2, keepdims=True) / 150)
        return np.clip(img, 0, 255), np.clip(al, 0, 1)
    return _drawn_car(r, size) if k < .68 else _drawn_cycle(r, size)


def _drawn_car(r, size):
    """A car or van from the side, slightly turned, drawn large and shrunk."""
    S = 4
    h = 60 * S
    w = int(h * r.uniform(1.5, 2.6))
    img = np.ones((h, w, 3), np.float32) * _colour(r)
    al = np.zeros((h, w), np.float32)
    P = lambda pts: np.array([(x * (w - 1), y * (h - 1)) for x, y in pts], np.int32)
    van = r.random() < .35
    roof = r.uniform(.02, .1)
    sh = r.uniform(-.06, .06)
    body = [(.02, .85), (.0, .55), (.06, .42)] + ([(.1, roof), (.93, roof)] if van else
            [(.2 + sh, .38), (.32 + sh, roof), (.7 + sh, roof), (.86 + sh, .4)]) + [(.98, .46), (1, .8), (.97, .88)]
    cv2.fillPoly(al, [P(body)], 1, cv2.LINE_AA)
    img *= np.linspace(1.25, .6, h)[:, None, None].astype(np.float32)
    glass = _colour(r, 15, 110)
    wins = [[(.14, .4), (.16, roof + .06), (.3, roof + .06), (.3, .4)], [(.34, .4), (.34, roof + .06), (.6, roof + .06), (.6, .4)]] if van else \
           [[(.24 + sh, .4), (.34 + sh, roof + .06), (.5 + sh, roof + .06), (.5 + sh, .41)], [(.53 + sh, .41), (.53 + sh, roof + .06), (.68 + sh, roof + .06), (.8 + sh, .41)]]
    for g in wins:
        cv2.fillPoly(img, [P(g)], glass.tolist(), cv2.LINE_AA)
    for x in (.2, .8):
        c = tuple(P([(x + r.uniform(-.02, .02), .84)])[0].tolist())
        rad = int(h * r.uniform(.14, .18))
        cv2.circle(al, c, rad, 1, -1, cv2.LINE_AA)
        cv2.circle(img, c, rad, (22, 22, 24), -1, cv2.LINE_AA)
        cv2.circle(img, c, int(rad * .55), (150, 150, 150), -1, cv2.LINE_AA)
    cv2.line(img, tuple(P([(.05, .62)])[0].tolist()), tuple(P([(.96, .62)])[0].tolist()), (_colour(r)).tolist(), S)
    cv2.ellipse(img, tuple(P([(.03, .56)])[0].tolist()), (w // 40, h // 18), 0, 0, 360, (60, 60, 230), -1)
    cv2.ellipse(img, tuple(P([(.97, .56)])[0].tolist()), (w // 40, h // 18), 0, 0, 360, (220, 240, 250), -1)
    return _shrink(r, img, al, size)


def _drawn_cycle(r, size):
    """Bicycles, e-bikes, motorcycles and cargo tricycles, one or a row."""
    S = 4
    h = 60 * S
    w = int(h * r.uniform(1.0, 1.7))
    img = np.ones((h, w, 3), np.float32) * _colour(r, 10, 120)
    al = np.zeros((h, w), np.float32)
    pt = lambda x, y: (int(x * (w - 1)), int(y * (h - 1)))
    rad = int(h * r.uniform(.17, .27))
    kind = r.integers(0, 4)
    thick = max(2, int(S * r.uniform(1.2, 3.0)))

    def bar(a, b, t, col=None):
        cv2.line(al, a, b, 1, t, cv2.LINE_AA)
        if col is not None:
            cv2.line(img, a, b, col.tolist(), t, cv2.LINE_AA)

    a, b = pt(.2, 1 - rad / h - .01), pt(.82, 1 - rad / h - .01)
    for c in (a, b):
        cv2.circle(al, c, rad, 1, thick if kind == 0 else int(thick * 1.8), cv2.LINE_AA)
        cv2.circle(img, c, rad + 3, (25, 25, 25), thick * 2, cv2.LINE_AA)
        if kind:
            cv2.circle(al, c, int(rad * .4), 1, -1)
    body = _colour(r)
    if kind == 0:  # bicycle
        seat, head, crank = pt(.36, .4), pt(.7, .36), pt(.45, .78)
        for p, q in ((a, seat), (seat, head), (head, crank), (crank, seat), (a, crank), (head, b), (head, pt(.68, .2))):
            bar(p, q, thick, body)
        bar(pt(.6, .2), pt(.74, .18), thick)
        bar(pt(.3, .36), pt(.42, .36), thick * 2)
        if r.random() < .5:
            cv2.rectangle(al, pt(.72, .25), pt(.9, .45), 1, -1)
    elif kind in (1, 2):  # e-bike, motorcycle
        poly = np.array([pt(.12, .55), pt(.2, .42), pt(.5, .42), pt(.56, .6), pt(.66, .62), pt(.72, .3), pt(.8, .3), pt(.82, .55), pt(.7, .8), pt(.3, .84)], np.int32)
        cv2.fillPoly(al, [poly], 1, cv2.LINE_AA)
        cv2.fillPoly(img, [poly], body.tolist(), cv2.LINE_AA)
        bar(pt(.72, .3), pt(.7, .1), thick * 2)
        bar(pt(.62, .1), pt(.78, .12), thick * 2)
        bar(pt(.18, .4), pt(.52, .38), thick * 4, np.array([20., 20, 22]))
        bar(pt(.78, .4), b, thick * 2)
        if r.random() < .5:
            cv2.rectangle(al, pt(.02, .15), pt(.26, .42), 1, -1)
            cv2.rectangle(img, pt(.02, .15), pt(.26, .42), _colour(r).tolist(), -1)
    else:  # tricycle
        y = r.uniform(.35, .55)
        cv2.rectangle(al, pt(.02, y), pt(.58, .75), 1, -1)
        cv2.rectangle(img, pt(.02, y), pt(.58, .75), body.tolist(), -1)
        bar(pt(.58, .7), pt(.8, .35), thick * 2, body)
        bar(b, pt(.78, .15), thick * 2)
        bar(pt(.7, .15), pt(.86, .17), thick * 2)
        bar(pt(.56, .4), pt(.7, .4), thick * 4)
    img *= np.linspace(1.2, .7, h)[:, None, None].astype(np.float32)
    if r.random() < .3:  # a row
        n, off = int(r.integers(2, 4)), int(w * r.uniform(.35, .6))
        ww = w + off * (n - 1)
        im2, al2 = np.zeros((h, ww, 3), np.float32), np.zeros((h, ww), np.float32)
        for i in range(n):
            s = slice(i * off, i * off + w)
            im2[:, s] = im2[:, s] * (1 - al[..., None]) + img * al[..., None] * r.uniform(.7, 1.2)
            al2[:, s] = np.maximum(al2[:, s], al)
        img, al = im2, al2
    return _shrink(r, img, al, size)


def _shrink(r, img, al, size):
    h = max(12, int(size))
    w = max(12, int(img.shape[1] * h / img.shape[0]))
    img, al = cv2.resize(img, (w, h), interpolation=cv2.INTER_AREA), cv2.resize(al, (w, h), interpolation=cv2.INTER_AREA)
    if r.random() < .5:
        img, al = img[:, ::-1].copy(), al[:, ::-1].copy()
    img = img + r.uniform(0, 10) * _noise_field(r, h, w, 3)[..., None]
    return np.clip(img, 0, 255), np.clip(al, 0, 1)


# ----------------------------------------------------------------- composing

def _paste(r, img, spr, al, x, y):
    """Pastes in the light of the place and returns the entity's mask."""
    h, w = al.shape
    y0, y1, x0, x1 = max(0, y), min(H, y + h), max(0, x), min(W, x + w)
    mask = np.zeros((H, W), bool)
    if y1 <= y0 or x1 <= x0:
        return mask
    a = al[y0 - y:y1 - y, x0 - x:x1 - x, None]
    s = spr[y0 - y:y1 - y, x0 - x:x1 - x]
    img[y0:y1, x0:x1] = img[y0:y1, x0:x1] * (1 - a) + s * a
    mask[y0:y1, x0:x1] = a[..., 0] > .3
    return mask


def _contact_shadow(r, img, x, y, w, h):
    d, al = r.uniform(.3, .9), np.zeros((H, W), np.float32)
    ang = r.uniform(-1, 1)
    cv2.ellipse(al, (int(x + w / 2 + ang * w * .4), int(y + h * .97)), (max(2, int(w * r.uniform(.4, .8))), max(1, int(h * r.uniform(.04, .16)))), 0, 0, 360, 1, -1)
    al = cv2.GaussianBlur(al, (0, 0), r.uniform(1, 3))
    img *= (1 - (1 - d) * al)[..., None]


def _light(r, img):
    """Shadow, pool of light or reflection; returns where it lies."""
    al = np.zeros((H, W), np.float32)
    k = r.integers(0, 5)
    cx, cy = r.uniform(0, W), r.uniform(.1 * H, H)
    s = r.uniform(20, 170)
    if k == 0:
        cv2.ellipse(al, (int(cx), int(cy)), (int(s), int(s * r.uniform(.2, .8))), r.uniform(0, 180), 0, 360, 1, -1)
    elif k == 1:
        n = int(r.integers(3, 8))
        p = np.array([(cx + s * np.cos(a) * r.uniform(.4, 1.3), cy + s * .6 * np.sin(a) * r.uniform(.4, 1.3)) for a in np.linspace(0, 6.28, n, endpoint=False)], np.int32)
        cv2.fillPoly(al, [p], 1)
    elif k == 2:
        cv2.line(al, (int(cx - s), int(cy)), (int(cx + s), int(cy + r.uniform(-s, s))), 1, int(r.integers(4, 40)))
    elif k == 3:  # shadow of a person or thing
        h = int(max(12, s))
        for i in range(h):
            x = cx + i * r.uniform(.4, .42)
            cv2.line(al, (int(x), int(cy + i * .4)), (int(x + s * .22 * (1 + np.sin(i / h * 6))), int(cy + i * .4)), 1, 2)
    else:
        n = _noise_field(r, H, W, 2)
        w = np.exp(-(((np.arange(W) - cx) / s) ** 2)[None, :] - (((np.arange(H) - cy) / (s * .7)) ** 2)[:, None])
        al = ((n > r.uniform(-.2, .8)) * (w > .25)).astype(np.float32)
    al = cv2.GaussianBlur(al, (0, 0), r.uniform(.6, 7))
    if r.random() < .65:
        img *= (1 - al * r.uniform(.3, .75))[..., None] * (1 + np.array([.08, 0, -.04], np.float32) * r.uniform(0, 1) * al[..., None])
    elif r.random() < .6:
        img *= (1 + al * r.uniform(.4, 1.6))[..., None]
    else:
        img += al[..., None] * (r.uniform(40, 150) + r.normal(0, 20, 3)).astype(np.float32)
    return al > .25


def _wobble(r, img):
    k = r.integers(0, 4)
    if k == 0:
        m = np.float32([[1, 0, r.normal(0, 1.8)], [0, 1, r.normal(0, 1.8)]])
    elif k == 1:
        m = cv2.getRotationMatrix2D((r.uniform(0, W), r.uniform(0, H)), r.normal(0, .5), 1 + r.normal(0, .004))
    elif k == 2:
        sh = (cv2.resize(r.standard_normal((6, 10)).astype(np.float32), (W, H), interpolation=cv2.INTER_CUBIC) * r.uniform(.8, 2.6))
        x, y = np.meshgrid(np.arange(W, dtype=np.float32), np.arange(H, dtype=np.float32))
        return cv2.remap(img, x + sh, y + sh[::-1] * .6, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    else:
        return cv2.GaussianBlur(img, (0, 0), r.uniform(1.2, 3.0))
    return cv2.warpAffine(img, m, (W, H), borderMode=cv2.BORDER_REFLECT)


def _camera(r, src, img, noise, q):
    """What one exposure of the camera does; noise and q are the camera's."""
    y, x = r.integers(0, 64, 2)
    n = src.grain[r.integers(len(src.grain))][y:y + H, x:x + W, None] * (noise if r.random() < .5 else -noise)
    img = cv2.add(img.astype(np.float32), np.repeat(n, 3, 2)).clip(0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", img, [cv2.IMWRITE_JPEG_QUALITY, int(q + r.integers(-6, 7))])[1], 1)


def compose(r, src):
    """Returns reference, current (BGR uint8) and [(label, mask), ...]."""
    base = background(r, src).astype(np.float32)
    if r.random() < .3:  # standing things that are in both pictures
        for _ in range(int(r.integers(1, 4))):
            s, a = (thing, person, vehicle)[r.integers(3)](r, src, r.uniform(20, 120))
            _paste(r, base, s, a, int(r.integers(0, W)), int(r.integers(0, H)))
    ref, cur = base, base.copy()
    ents = []
    mode = r.random()
    if mode < .16:
        cur = _wobble(r, cur)
        if r.random() < .4:  # something stands in a wobbling view
            mode = .5
    if mode >= .16:
        for _ in range(int(r.integers(4, 10))):
            k = r.random()
            if k < .36:
                lab, fn, size = THING, thing, np.exp(r.uniform(np.log(12), np.log(150)))
            elif k < .62:
                lab, fn, size = PERSON, person, np.exp(r.uniform(np.log(28), np.log(210)))
            elif k < .82:
                lab, fn, size = VEHICLE, vehicle, np.exp(r.uniform(np.log(24), np.log(170)))
            else:
                ents.append((LIGHT, _light(r, cur)))
                continue
            s, a = fn(r, src, size)
            h, w = a.shape
            x, y = int(r.integers(-w // 6, W - w + w // 6 + 1)) if w < W else 0, int(r.integers(0, max(1, H - h + h // 8)))
            here = base[max(0, y):y + h, max(0, x):x + w].mean() if h and w else 120
            s = s * np.clip(here / 120, .35, 1.5) ** r.uniform(.3, .9)
            if r.random() < .8:
                _contact_shadow(r, cur, x, y, w, h)
            s = cv2.GaussianBlur(s.astype(np.float32), (0, 0), r.uniform(.3, 1.1))
            m = _paste(r, cur, np.clip(s, 0, 255), a, x, y)
            ents = [(l, o & ~m) for l, o in ents] + [(lab, m)]
            if lab == PERSON and r.random() < .3:  # a second one close by
                s, a = person(r, src, size * r.uniform(.9, 1.1))
                m = _paste(r, cur, s, a, x + int(w * r.uniform(.5, 1.3)), y + int(r.normal(0, 4)))
                ents = [(l, o & ~m) for l, o in ents] + [(PERSON, m)]
    dark = r.uniform(.3, 1.0) if r.random() < .35 else 1.0
    gain = np.exp(r.normal(0, .12)) if r.random() < .7 else 1.0
    wb = np.exp(r.normal(0, .02, 3))
    ref = np.clip(ref * dark, 0, 255)
    cur = np.clip(cur * dark * gain * wb, 0, 255)
    if r.random() < .3:
        g = r.uniform(.7, 1.4)
        ref, cur = 255 * (ref / 255) ** g, 255 * (cur / 255) ** g
    if r.random() < .6:
        b = r.uniform(.3, 1.2)
        ref, cur = cv2.GaussianBlur(ref, (0, 0), b), cv2.GaussianBlur(cur, (0, 0), b)
    if r.random() < .06:  # rain
        for _ in range(int(r.integers(50, 300))):
            x, y = int(r.integers(0, W)), int(r.integers(0, H))
            cv2.line(cur, (x, y), (x + int(r.integers(-3, 3)), y + int(r.integers(6, 22))), (190, 190, 190), 1, cv2.LINE_AA)
    noise, q = r.uniform(.5, 8), r.uniform(45, 95)
    # The reference is a mean of many pictures: less noise than one picture.
    return _camera(r, src, ref, noise * .35, min(94, q + 10)), _camera(r, src, cur, noise, q), ents


def to_yuv(bgr):
    """Planar 4:2:0 bytes with full-range luma (BT.601)."""
    f = bgr.astype(np.float32)
    b, g, r = f[..., 0], f[..., 1], f[..., 2]
    y = .299 * r + .587 * g + .114 * b
    half = lambda p: cv2.resize(p, (bgr.shape[1] // 2, bgr.shape[0] // 2), interpolation=cv2.INTER_AREA)
    u, v = half((b - y) * .564 + 128), half((r - y) * .713 + 128)
    return b"".join(np.clip(p + .5, 0, 255).astype(np.uint8).tobytes() for p in (y, u, v))
