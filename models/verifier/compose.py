"""Composes pairs of street pictures (reference, current) with known content.

A pair shows the same place twice; between the two, things, persons, vehicles
or light were added. compose() returns both pictures and one mask per added
entity. Everything is drawn from one numpy generator, so a seed gives the same
pairs. Pictures come from Debian's opencv-doc only.
"""
import os

import cv2
import numpy as np

from goods import solid_thing
from places import H, W, background
from sprites import noise_field, person, thing, vehicle
from wheels import solid_vehicle

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


# ----------------------------------------------------------------- composing

def _any_thing(r, src, size):
    return (solid_thing if r.random() < .68 else thing)(r, src, size)


def _any_vehicle(r, src, size):
    return (solid_vehicle if r.random() < .62 else vehicle)(r, src, size)


def _suit(r, lab, spr, ground):
    """Takes the sprite into the light of its place; some things are much
    like their ground, some stand half in the shade."""
    spr = spr * np.clip(ground.mean() / 120, .35, 1.5) ** r.uniform(.3, .9)
    if r.random() < (.3 if lab == THING else .12):
        k = r.uniform(.35, .8)
        spr = spr * k + ground.reshape(-1, 3).mean(0) * (1 - k)
    if r.random() < .12:
        h, w = spr.shape[:2]
        x, y = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
        t = r.uniform(0, 6.28)
        shade = 1 / (1 + np.exp(np.clip(-(x * np.cos(t) + y * np.sin(t) - r.uniform(-.6, .6)) * r.uniform(4, 30), -30, 30)))
        spr = spr * (1 - r.uniform(.3, .6) * shade[..., None])
    return spr


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
        n = noise_field(r, H, W, 2)
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
            s, a = (_any_thing, person, _any_vehicle)[r.integers(3)](r, src, r.uniform(20, 120))
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
            if k < .38:
                lab, fn, size = THING, _any_thing, np.exp(r.uniform(np.log(12), np.log(150)))
            elif k < .59:
                lab, fn, size = PERSON, person, np.exp(r.uniform(np.log(28), np.log(210)))
            elif k < .83:
                lab, fn, size = VEHICLE, _any_vehicle, np.exp(r.uniform(np.log(24), np.log(170)))
            else:
                ents.append((LIGHT, _light(r, cur)))
                continue
            s, a = fn(r, src, size)
            h, w = a.shape
            x, y = int(r.integers(-w // 6, W - w + w // 6 + 1)) if w < W else 0, int(r.integers(0, max(1, H - h + h // 8)))
            here = base[max(0, y):y + h, max(0, x):x + w]
            if here.size == 0:
                continue
            s = _suit(r, lab, s, here)
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
