"""Renders simple solids from any side: a small scene of boxes, tubes, bulging
bags, bars and extruded outlines, seen by a camera at a random height and turn.

Kinds of things and vehicles are built from them in goods.py and wheels.py.
Units are metres, y points up, the ground is y = 0.
"""
import cv2
import numpy as np

GRAIN = {}  # noise pictures by seed, made once


def grain(i, h, w):
    """A grey texture between about -1 and 1, taken from a few made once."""
    if not GRAIN:
        g = np.random.default_rng(77)
        for k in range(8):
            a = g.standard_normal((160, 160)).astype(np.float32)
            b = cv2.resize(g.standard_normal((40, 40)).astype(np.float32), (160, 160), interpolation=cv2.INTER_CUBIC)
            c = cv2.resize(g.standard_normal((10, 10)).astype(np.float32), (160, 160), interpolation=cv2.INTER_CUBIC)
            GRAIN[k] = (.4 * a + .7 * b + c) / 1.3
    return cv2.resize(GRAIN[i % 8], (max(1, w), max(1, h)), interpolation=cv2.INTER_AREA)


def colour(r, lo=15, hi=235, grey=.4):
    """A colour, often a dull one."""
    c = r.uniform(lo, hi) + r.normal(0, 7 if r.random() < grey else 48, 3)
    return np.clip(c, 5, 250)


class Solid:
    """A thing under construction."""

    def __init__(self, r):
        self.r = r
        self.parts = []

    def face(self, pts, col, normal=None, tex=None):
        """A flat polygon; with a normal it is hidden from behind. tex is a
        picture for polygons of four points, from the upper left clockwise."""
        self.parts.append(("face", np.asarray(pts, np.float32), np.asarray(col, np.float32), normal, tex))

    def box(self, x, y, z, w, h, d, col, yaw=0.0, side=None, top=None):
        """Standing at (x, y, z), the middle of its bottom."""
        c, s = np.cos(yaw), np.sin(yaw)
        at = lambda u, v, t: (x + u * c + t * s, y + v, z - u * s + t * c)
        a, b = w / 2, d / 2
        for u0, t0, u1, t1, nu, nt in ((-a, b, a, b, 0, 1), (a, b, a, -b, 1, 0), (a, -b, -a, -b, 0, -1), (-a, -b, -a, b, -1, 0)):
            self.face([at(u0, h, t0), at(u1, h, t1), at(u1, 0, t1), at(u0, 0, t0)], col,
                      (nu * c + nt * s, 0, -nu * s + nt * c), side)
        self.face([at(-a, h, -b), at(a, h, -b), at(a, h, b), at(-a, h, b)], col if top is None or isinstance(top, np.ndarray) and top.ndim == 3 else top,
                  (0, 1, 0), top if isinstance(top, np.ndarray) and top.ndim == 3 else None)

    def tube(self, x, y, z, r0, r1, h, col, top=None, n=14):
        """An upright tube, r0 wide below and r1 above."""
        t = np.linspace(0, 2 * np.pi, n + 1)
        for a, b in zip(t[:-1], t[1:]):
            m = (a + b) / 2
            self.face([(x + r1 * np.cos(a), y + h, z + r1 * np.sin(a)), (x + r1 * np.cos(b), y + h, z + r1 * np.sin(b)),
                       (x + r0 * np.cos(b), y, z + r0 * np.sin(b)), (x + r0 * np.cos(a), y, z + r0 * np.sin(a))],
                      col, (np.cos(m), 0, np.sin(m)))
        self.face([(x + r1 * np.cos(a), y + h, z + r1 * np.sin(a)) for a in t[:-1]], col if top is None else top, (0, 1, 0))

    def extrude(self, outline, z0, z1, col, end=None, shift=None):
        """An outline in (x, y), counter-clockwise, made thick along z."""
        o = np.asarray(outline, np.float32)
        shift = shift or (lambda x, y: 0.0)  # narrower above
        front = [(x, y, z1 - shift(x, y)) for x, y in o]
        back = [(x, y, z0 + shift(x, y)) for x, y in o]
        self.face(front, col if end is None else end, (0, 0, 1))
        self.face(back[::-1], col if end is None else end, (0, 0, -1))
        n = len(o)
        for i in range(n):
            j = (i + 1) % n
            dx, dy = o[j] - o[i]
            ln = max(1e-6, float(np.hypot(dx, dy)))
            self.face([front[i], front[j], back[j], back[i]], col, (dy / ln, -dx / ln, 0))

    def wheel(self, x, y, z, rad, width, hub=None, spokes=False, turn=0.0):
        """Its axle along z, turned by a steering angle."""
        t = np.linspace(0, 2 * np.pi, 18, endpoint=False)
        c, s = np.cos(turn), np.sin(turn)
        ring = lambda k, dz: [(x + k * rad * np.cos(a) * c + dz * s, y + k * rad * np.sin(a), z + dz * c - k * rad * np.cos(a) * s) for a in t]
        if spokes:
            p = ring(1, 0)
            for i in range(len(p)):
                self.bar(p[i], p[(i + 1) % len(p)], width, (24, 24, 26))
            for i in range(0, len(p), 3):
                self.bar((x, y, z), p[i], width * .15, (120, 120, 122))
            return
        for dz, n in ((width / 2, 1), (-width / 2, -1)):
            self.face(ring(1, dz), (26, 26, 28), (n * s, 0, n * c))
            self.face(ring(.58, dz * 1.05), (130, 130, 134) if hub is None else hub, (n * s, 0, n * c))
        a, b = ring(1, width / 2), ring(1, -width / 2)
        for i in range(len(t)):
            j = (i + 1) % len(t)
            self.face([a[i], a[j], b[j], b[i]], (20, 20, 22))

    def bar(self, a, b, thick, col):
        self.parts.append(("bar", np.asarray([a, b], np.float32), np.asarray(col, np.float32), thick, None))

    def ball(self, x, y, z, rx, ry, rz, col, power=2.0, marks=0):
        """A bulging bag round (x, y, z); power above 2 makes it a pillow."""
        self.parts.append(("ball", np.asarray([(x, y, z)], np.float32), np.asarray(col, np.float32), (rx, ry, rz), (power, marks)))

    def render(self, size, turn=None):
        """Colour (BGR float32) and alpha (0..1), about size pixels high."""
        r = self.r
        phi = r.uniform(0, 2 * np.pi) if turn is None else turn
        e = r.uniform(.12, .85)
        view = _View(phi, e, r)
        ext = [view.flat(p[1]) for p in self.parts]
        for i, p in enumerate(self.parts):
            if p[0] == "ball":
                hx, hy = view.ball(*p[3])
                ext[i] = np.array([[ext[i][0, 0] - hx, ext[i][0, 1] - hy], [ext[i][0, 0] + hx, ext[i][0, 1] + hy]])
        pts = np.concatenate([a[:, :2] for a in ext])
        lo, hi = pts.min(0) - .02, pts.max(0) + .02
        px = max(48, 2 * int(size))
        k = min(px / (hi[1] - lo[1]), 900 / (hi[0] - lo[0]))
        w, h = int((hi[0] - lo[0]) * k) + 3, int((hi[1] - lo[1]) * k) + 3
        img, al = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.uint8)
        view.fit(lo, k)
        for p in sorted(self.parts, key=view.depth):
            view.draw(img, al, p)
        hh = max(8, int(size))
        ww = max(6, int(w * hh / h))
        if ww > 560:
            hh, ww = max(8, int(hh * 560 / ww)), 560
        img = cv2.resize(img, (ww, hh), interpolation=cv2.INTER_AREA)
        al = cv2.resize(al.astype(np.float32) / 255, (ww, hh), interpolation=cv2.INTER_AREA)
        img /= np.maximum(al, .25)[..., None]  # the border was mixed with black
        img += r.uniform(0, 6) * grain(int(r.integers(8)), hh, ww)[..., None]
        return np.clip(img, 0, 255), np.clip(al, 0, 1)


class _View:
    def __init__(self, phi, e, r):
        self.c, self.s, self.ce, self.se = np.cos(phi), np.sin(phi), np.cos(e), np.sin(e)
        self.eye = np.array([-self.s * self.ce, self.se, self.c * self.ce])
        l = np.array([r.normal(), r.uniform(.5, 2), r.normal()])
        self.light = l / np.linalg.norm(l)
        self.soft = r.uniform(.45, .85)  # how much light comes from everywhere
        self.lo, self.k, self.r = np.zeros(2), 1.0, r

    def flat(self, p):
        """Picture coordinates (y down) and nearness."""
        x = p[:, 0] * self.c + p[:, 2] * self.s
        z = -p[:, 0] * self.s + p[:, 2] * self.c
        return np.stack([x, -p[:, 1] * self.ce + z * self.se, z * self.ce + p[:, 1] * self.se], 1)

    def ball(self, rx, ry, rz):
        d = np.hypot(rx * self.s, rz * self.c)
        return np.hypot(rx * self.c, rz * self.s), np.hypot(ry * self.ce, d * self.se)

    def fit(self, lo, k):
        self.lo, self.k = lo, k

    def depth(self, p):
        f = self.flat(p[1])
        return f[:, 2].mean() + (.5 * min(p[3]) if p[0] == "ball" else .01 if p[0] == "bar" else 0)

    def shade(self, n):
        return self.soft + (1.25 - self.soft) * max(0.0, float(np.dot(n, self.light)))

    def draw(self, img, al, p):
        kind, pts, col, extra, tex = p
        q = (self.flat(pts)[:, :2] - self.lo) * self.k + 1
        if kind == "bar":
            t = max(1, int(round(extra * self.k)))
            a, b = (tuple(int(v * 8) for v in row) for row in q)
            cv2.line(img, a, b, (col * self.soft).tolist(), t, cv2.LINE_AA, 3)
            cv2.line(al, a, b, 255, t, cv2.LINE_AA, 3)
        elif kind == "ball":
            self.bag(img, al, q[0], col, extra, *tex)
        else:
            self.polygon(img, al, q, col, extra, tex)

    def polygon(self, img, al, q, col, normal, tex):
        g = self.soft
        if normal is not None:
            if np.dot(normal, self.eye) <= 0:
                return
            g = self.shade(normal)
        qi = (q * 8).astype(np.int32)
        cv2.fillPoly(al, [qi], 255, cv2.LINE_AA, 3)
        cv2.fillPoly(img, [qi], np.clip(col * g, 2, 252).tolist(), cv2.LINE_AA, 3)
        if tex is None or len(q) != 4:
            return
        x0, y0 = np.maximum(np.floor(q.min(0)).astype(int), 0)
        x1, y1 = np.ceil(q.max(0)).astype(int) + 1
        x1, y1 = min(x1, img.shape[1]), min(y1, img.shape[0])
        if x1 - x0 < 2 or y1 - y0 < 2 or abs(cv2.contourArea(q.astype(np.float32))) < 4:
            return
        th, tw = tex.shape[:2]
        m = cv2.getPerspectiveTransform(np.float32([[0, 0], [tw, 0], [tw, th], [0, th]]), (q - (x0, y0)).astype(np.float32))
        warped = cv2.warpPerspective(tex * g, m, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(mask, [((q - (x0, y0)) * 8).astype(np.int32)], 1, cv2.LINE_8, 3)
        part = img[y0:y1, x0:x1]
        part[mask > 0] = warped[mask > 0]

    def bag(self, img, al, c, col, radii, power, marks):
        r = self.r
        hx, hy = (v * self.k for v in self.ball(*radii))
        x0, y0, x1, y1 = max(0, int(c[0] - hx)), max(0, int(c[1] - hy)), min(img.shape[1], int(c[0] + hx) + 2), min(img.shape[0], int(c[1] + hy) + 2)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        yy, xx = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        dx, dy = (xx - c[0]) / max(hx, 1), (yy - c[1]) / max(hy, 1)
        rr = np.abs(dx) ** power + np.abs(dy) ** power
        g = grain(int(r.integers(8)), y1 - y0, x1 - x0)
        a = np.clip((1 + .05 * g - rr) * min(hx, hy) / 2, 0, 1)
        nz = np.sqrt(np.clip(1 - rr, 0, 1))
        lx = self.light[0] * self.c + self.light[2] * self.s
        lam = dx * lx * .6 - dy * .6 * self.light[1] + nz * .5
        sh = self.soft * .85 + .45 * lam + r.uniform(.02, .12) * g
        body = col * np.clip(sh, .12, 1.25)[..., None]
        for _ in range(marks):
            w2, h2 = r.uniform(.1, .5), r.uniform(.06, .35)
            u, v = r.uniform(-.5, .5), r.uniform(-.4, .4)
            on = (np.abs(dx - u) < w2) & (np.abs(dy - v) < h2) & (np.sin(xx * r.uniform(.3, 2) + r.uniform(0, 6)) > r.uniform(-1, .5))
            body[on] = body[on] * .5 + .5 * colour(r)
        edge = np.clip((rr - .75) * 3, 0, 1)[..., None]
        body = body * (1 - .35 * edge)
        part = img[y0:y1, x0:x1]
        part[:] = part * (1 - a[..., None]) + body * a[..., None]
        al[y0:y1, x0:x1] = np.maximum(al[y0:y1, x0:x1], (a * 255).astype(np.uint8))
