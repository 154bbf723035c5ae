"""Draws what is put into a composed street: things, persons and vehicles.

Each function takes a numpy generator and a height in pixels and returns
colour (BGR float32) and alpha (0..1).
"""
import cv2
import numpy as np


def noise_field(r, h, w, octaves=4):
    out = np.zeros((h, w), np.float32)
    for o in range(octaves):
        s = 2 ** (o + 1)
        n = r.standard_normal((max(2, h // (64 // s) if s < 64 else h), max(2, w // (64 // s) if s < 64 else w))).astype(np.float32)
        out += cv2.resize(n, (w, h), interpolation=cv2.INTER_LINEAR) / (o + 1)
    return out / max(1e-6, out.std())


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
    img += r.uniform(0, 14) * noise_field(r, h, w, 3)[..., None]
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
    k = r.integers(0, 15)
    if k >= 12:
        return _heap(r, size)
    if k == 11:
        return _furniture(r, src, size)
    if k == 10:
        return _drums(r, size)
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


def _blob(r, img, al, x, y, w, h, col):
    """A bulging bag in soft light."""
    H2, W2 = al.shape
    t = np.linspace(0, 2 * np.pi, 22)
    p = r.uniform(2.0, 3.5)  # from round to pillow-like
    px = x + w / 2 * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / p) * r.uniform(.93, 1.04, 22)
    py = y + h / 2 * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / p) * r.uniform(.93, 1.04, 22)
    m = np.zeros((H2, W2), np.float32)
    cv2.fillPoly(m, [np.stack([px, py], 1).astype(np.int32)], 1, cv2.LINE_AA)
    yy, xx = np.mgrid[0:H2, 0:W2].astype(np.float32)
    d = np.sqrt(((xx - x + w * .12) / (w * .62)) ** 2 + ((yy - y + h * .22) / (h * .75)) ** 2)
    sh = np.clip(1.18 - .5 * d ** 2, .4, 1.25)[..., None]
    body = col * sh + r.uniform(0, 7) * noise_field(r, H2, W2, 3)[..., None]
    if r.random() < .5:  # print or seam
        c2 = _colour(r)
        for _ in range(int(r.integers(1, 4))):
            a = (int(x + r.uniform(-.4, .4) * w), int(y + r.uniform(-.3, .3) * h))
            cv2.line(body, a, (int(a[0] + r.uniform(-.4, .4) * w), int(a[1] + r.uniform(-.12, .12) * h)), c2.tolist(), max(1, int(h * r.uniform(.04, .12))), cv2.LINE_AA)
    img[:] = img * (1 - m[..., None]) + body * m[..., None]
    edge = cv2.morphologyEx(m, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    img *= (1 - .3 * edge)[..., None]
    np.maximum(al, m, out=al)


def _heap(r, size):
    """Sacks or full bags, one or a heap of them."""
    n = int(r.integers(1, 9))
    cols = max(1, min(n, int(r.integers(1, 5))))
    bw, bh = r.uniform(.9, 1.9), 1.0
    h = max(10, int(size))
    cols = max(cols, (n + 2) // 3)
    rows = (n + cols - 1) // cols
    u = h / (1 + (rows - 1) * .72)
    w = max(10, int(u * bw * (1 + (cols - 1) * .8) * 1.1))
    if w > 420:
        return _heap(r, size * 420 / w * .9)
    img, al = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.float32)
    base = _colour(r, 40, 235)
    for row in range(rows - 1, -1, -1):  # far ones first
        m = n - cols * (rows - 1) if row == rows - 1 else cols
        for c in range(m):
            x = w / 2 + (c - (m - 1) / 2) * u * bw * .8 + r.normal(0, .06 * u)
            y = h - u / 2 - row * .72 * u + r.normal(0, .03 * u)
            _blob(r, img, al, x, y, u * bw * r.uniform(.85, 1.08), u * r.uniform(.85, 1.0), np.clip(base + r.normal(0, 10, 3), 5, 250))
    if r.random() < .3:  # knots or ears
        cv2.ellipse(al, (int(w * r.uniform(.2, .8)), int(h * .12)), (max(1, int(u * .12)), max(1, int(u * .16))), 0, 0, 360, 1, -1)
    return np.clip(img, 0, 255), np.clip(al, 0, 1)


def _drums(r, size):
    """Cylinders side by side: drums, gas bottles, buckets, planters."""
    n = int(r.integers(1, 6))
    h = max(10, int(size))
    u = h * r.uniform(.4, .8)
    w = max(8, int(u * (1 + (n - 1) * .85)))
    img, al = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.float32)
    base = _colour(r)
    for i in range(n):
        c = np.clip(base + r.normal(0, 8 if r.random() < .6 else 50, 3), 5, 250)
        x0, top = int(i * u * .85), r.uniform(0, .25)
        x1, e = min(w, int(x0 + u)), max(1, int(u * r.uniform(.1, .25)))
        y0 = int(top * h) + e
        if x1 - x0 < 3 or y0 >= h - e:
            continue
        g = (1.2 - .65 * np.abs(np.linspace(-1.05, .9, x1 - x0)) ** 1.6)[None, :, None]
        img[y0:h - e, x0:x1] = c * g
        al[y0:h - e, x0:x1] = 1
        cv2.ellipse(img, ((x0 + x1) // 2, h - e - 1), ((x1 - x0) // 2, e), 0, 0, 180, (c * .8).tolist(), -1)
        cv2.ellipse(al, ((x0 + x1) // 2, h - e - 1), ((x1 - x0) // 2, e), 0, 0, 360, 1, -1)
        cv2.ellipse(al, ((x0 + x1) // 2, y0), ((x1 - x0) // 2, e), 0, 0, 360, 1, -1)
        cv2.ellipse(img, ((x0 + x1) // 2, y0), ((x1 - x0) // 2, e), 0, 0, 360, (c * r.uniform(.4, 1.35)).clip(0, 255).tolist(), -1)
        for _ in range(int(r.integers(0, 3))):
            y = int(r.uniform(y0, h))
            img[y:y + max(1, h // 40), x0:x1] *= r.uniform(.6, 1.3)
    return np.clip(img, 0, 255), np.clip(al, 0, 1)


def _furniture(r, src, size):
    """Sofas, chairs, cabinets, umbrellas over a stall, flat parcels."""
    h = max(12, int(size))
    w = max(12, int(size * r.uniform(.6, 2.4)))
    img, al = _shade(r, np.ones((h, w, 3), np.float32) * _colour(r)), np.zeros((h, w), np.float32)
    R = lambda x0, y0, x1, y1, c=None: (cv2.rectangle(al, (int(x0 * w), int(y0 * h)), (int(x1 * w), int(y1 * h)), 1, -1),
                                        c is not None and cv2.rectangle(img, (int(x0 * w), int(y0 * h)), (int(x1 * w), int(y1 * h)), c.tolist(), -1))
    k, c = r.integers(0, 4), _colour(r)
    if k == 0:  # sofa
        R(0.05, 0, .95, .6, c)
        R(0, .3, .16, .92, np.clip(c * .8, 0, 250)); R(.84, .3, 1, .92, np.clip(c * .8, 0, 250))
        R(.1, .5, .9, .88, np.clip(c * 1.15, 0, 250))
        for i in range(1, int(r.integers(2, 4))):
            cv2.line(img, (int(w * i / 3), 0), (int(w * i / 3), int(.85 * h)), (c * .5).tolist(), max(1, w // 60))
    elif k == 1:  # chairs or stools
        n = int(r.integers(1, 4))
        for i in range(n):
            a, b = (i + .08) / n, (i + .9) / n
            R(a, .45, b, .58, c)
            R(a, 0 if r.random() < .7 else .45, a + .14 / n, 1, c * .8); R(b - .1 / n, .55, b, 1, c * .7)
            if r.random() < .6:
                R(a, .02, b, .3, c)
    elif k == 2:  # umbrella over a stall
        cv2.fillPoly(al, [np.array([(0, int(.3 * h)), (w // 2, 0), (w - 1, int(.3 * h))], np.int32)], 1, cv2.LINE_AA)
        for i in range(6):
            cv2.fillPoly(img, [np.array([(int(w * i / 6), int(.3 * h)), (w // 2, 0), (int(w * (i + 1) / 6), int(.3 * h))], np.int32)], (c if i % 2 else np.clip(255 - c, 0, 250)).tolist())
        R(.48, .1, .52, 1, _colour(r, 20, 120))
        R(.15, .62, .85, .78, _colour(r)); R(.2, .78, .24, 1, c); R(.76, .78, .8, 1, c)
        for _ in range(int(r.integers(3, 9))):
            x = r.uniform(.17, .75)
            R(x, r.uniform(.5, .58), x + .09, .63, _colour(r))
    else:  # cabinet, parcels
        R(0, 0, 1, 1, c)
        for _ in range(int(r.integers(2, 7))):
            y = int(r.uniform(.05, .95) * h)
            cv2.line(img, (0, y), (w, y), (c * r.uniform(.3, .8)).tolist(), max(1, h // 50))
        x = int(r.uniform(.2, .8) * w)
        cv2.line(img, (x, 0), (x, h), (c * .5).tolist(), max(1, w // 60))
        img[:, x:] *= r.uniform(.65, 1)
    img += r.uniform(0, 6) * noise_field(r, h, w, 3)[..., None]
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
    if k < .57:
        return _drawn_car(r, size * r.uniform(1, 1.3))
    return _drawn_van(r, size * r.uniform(1, 1.6)) if k < .73 else _drawn_cycle(r, size)


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


def _drawn_van(r, size):
    """A van or lorry as a block with a side and an end in view."""
    S = 4
    h = 60 * S
    w = int(h * r.uniform(1.2, 2.4))
    c = _colour(r)
    img, al = np.ones((h, w, 3), np.float32) * c, np.zeros((h, w), np.float32)
    P = lambda pts: np.array([(x * (w - 1), y * (h - 1)) for x, y in pts], np.int32)
    d, s, e = r.uniform(-.1, .1), r.uniform(.62, .9), r.uniform(.02, .14)
    side = [(0, .04 + max(d, 0)), (s, .04 - min(d, 0)), (s, .9 - min(d, 0) * .3), (0, .86 + max(d, 0) * .4)]
    end = [(s, .04 - min(d, 0)), (1, .04 + e - min(d, 0)), (1, .84 - e * .3), (s, .9 - min(d, 0) * .3)]
    for poly, g in ((side, 1.0), (end, r.uniform(.55, 1.3))):
        cv2.fillPoly(al, [P(poly)], 1, cv2.LINE_AA)
        cv2.fillPoly(img, [P(poly)], np.clip(c * g, 5, 250).tolist(), cv2.LINE_AA)
    glass = _colour(r, 10, 120)
    n, y0, y1 = int(r.integers(1, 5)), r.uniform(.12, .22), r.uniform(.36, .5)
    for i in range(n if r.random() < .8 else 1):
        a, b = s * (i + .12) / n, s * (i + .9) / n
        cv2.fillPoly(img, [P([(a, y0), (b, y0), (b, y1), (a, y1)])], glass.tolist(), cv2.LINE_AA)
    if r.random() < .7:
        q = (1 - s)
        cv2.fillPoly(img, [P([(s + .15 * q, y0 + e * .4), (1 - .12 * q, y0 + e), (1 - .12 * q, y1 + .02), (s + .15 * q, y1)])], glass.tolist(), cv2.LINE_AA)
    for _ in range(int(r.integers(0, 4))):  # doors, stripes
        x = r.uniform(.05, s)
        cv2.line(img, tuple(P([(x, .08)])[0].tolist()), tuple(P([(x, .86)])[0].tolist()), (c * .6).tolist(), S // 2 + 1)
    if r.random() < .4:
        cv2.line(img, tuple(P([(0, .62)])[0].tolist()), tuple(P([(s, .64)])[0].tolist()), _colour(r).tolist(), S * 2)
    for x in (s * r.uniform(.12, .25), s * r.uniform(.72, .88)):
        cc, rad = tuple(P([(x, .88)])[0].tolist()), int(h * r.uniform(.09, .13))
        ax = (max(2, int(rad * r.uniform(.7, 1))), rad)
        cv2.ellipse(al, cc, ax, 0, 0, 360, 1, -1, cv2.LINE_AA)
        cv2.ellipse(img, cc, ax, 0, 0, 360, (20, 20, 22), -1, cv2.LINE_AA)
        cv2.ellipse(img, cc, (ax[0] // 2, ax[1] // 2), 0, 0, 360, (130, 130, 130), -1, cv2.LINE_AA)
    img *= np.linspace(1.15, .75, h)[:, None, None].astype(np.float32)
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
    img = img + r.uniform(0, 10) * noise_field(r, h, w, 3)[..., None]
    return np.clip(img, 0, 255), np.clip(al, 0, 1)
