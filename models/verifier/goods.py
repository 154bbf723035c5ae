"""Things that are put down in front of shops and on pavements, as solids.

solid_thing() takes a numpy generator, the sources of pictures and a height in
pixels, and returns colour (BGR float32) and alpha (0..1).
"""
import cv2
import numpy as np

from solids import Solid, colour, grain


def picture(r, src, n=64):
    """A printed or patterned surface, n x n."""
    k = r.random()
    img = np.ones((n, n, 3), np.float32) * colour(r)
    if k < .2 and src.textures:
        t = src.textures[r.integers(len(src.textures))]
        h, w = t.shape[:2]
        a, b = max(8, int(h * r.uniform(.15, .7))), max(8, int(w * r.uniform(.15, .7)))
        y, x = r.integers(0, h - a + 1), r.integers(0, w - b + 1)
        return cv2.resize(t[y:y + a, x:x + b], (n, n), interpolation=cv2.INTER_AREA).astype(np.float32)
    if k < .45:  # letters and logos as blocks
        for _ in range(int(r.integers(2, 9))):
            x, y, w, h = r.integers(2, n - 8), r.integers(2, n - 6), r.integers(3, n // 2), r.integers(2, n // 4)
            img[y:y + h, x:x + w] = colour(r)
    elif k < .6:  # tape over the middle
        c, t = colour(r, 120, 230), int(r.integers(2, 9))
        a = int(n * r.uniform(.35, .65))
        img[a:a + t] = img[a:a + t] * .4 + c * .6
    elif k < .8:  # slats
        step = int(r.integers(4, 20))
        for i in range(0, n, step):
            img[i:i + max(1, step // 4)] *= r.uniform(.3, .8)
    return np.clip(img * (1 + r.uniform(.02, .15) * grain(int(r.integers(8)), n, n)[..., None]), 3, 252)


def holes(r, col, n=64):
    """The pierced wall of a crate."""
    img = np.ones((n, n, 3), np.float32) * col
    a, b = int(r.integers(4, 14)), int(r.integers(6, 22))
    dark = r.uniform(.1, .5)
    for y in range(int(r.integers(3, 12)), n - 4, b):
        for x in range(2, n - 2, a):
            img[y:y + int(b * .65), x:x + max(1, int(a * .6))] *= dark
    return img


def goods(r, n=64):
    """Fruit, bottles or small wares seen from above."""
    img = np.ones((n, n, 3), np.float32) * colour(r) * .4
    base = [colour(r, grey=.1) for _ in range(int(r.integers(1, 5)))]
    s = r.uniform(2.5, 9)
    for y in np.arange(0, n + s, s * 1.3):
        for x in np.arange(0, n + s, s * 1.4):
            c = base[r.integers(len(base))] * r.uniform(.6, 1.2)
            p = (int(x + r.normal(0, s * .25)), int(y + r.normal(0, s * .25)))
            cv2.circle(img, p, max(1, int(s * .8)), np.clip(c, 3, 250).tolist(), -1, cv2.LINE_AA)
            cv2.circle(img, (p[0] - 1, p[1] - 1), max(1, int(s * .25)), np.clip(c * 1.3, 3, 252).tolist(), -1)
    return img


def _small(r, s, src, x, y, z, room):
    """One small ware on a surface at height y."""
    k = r.integers(0, 4)
    h, c = room * r.uniform(.4, 1.6), colour(r, grey=.15)
    if k == 0:
        s.box(x, y, z, room * .9, h * .5, room * .9, c * .8, 0, top=goods(r, 32))
    elif k == 1:
        s.box(x, y, z, room * r.uniform(.5, .9), h, room * .6, c, r.uniform(-.4, .4), side=picture(r, src, 32))
    elif k == 2:
        s.tube(x, y, z, room * .3, room * r.uniform(.15, .32), h, c, n=8)
    else:
        s.ball(x, y + h * .3, z, room * .45, h * .35, room * .4, c)


def cartons(r, s, src):
    base = colour(r)
    lattice = r.random() < .35
    for col in range(int(r.integers(1, 5))):
        w, h, d = r.uniform(.35, .75), r.uniform(.2, .5), r.uniform(.3, .6)
        y = 0.0
        if r.random() < .4:
            base = colour(r)
        for i in range(int(r.integers(1, 5))):
            c = np.clip(base + r.normal(0, 9, 3), 5, 250)
            s.box(col * .7 + r.normal(0, .03), y, r.normal(0, .05), w, h, d, c, r.normal(0, .12),
                  side=holes(r, c) if lattice else (picture(r, src) if r.random() < .4 else _board(r, c)),
                  top=goods(r) if lattice and r.random() < .5 else None)
            y += h
            if not lattice:
                w, h, d = w * r.uniform(.8, 1.05), h * r.uniform(.7, 1.1), d * r.uniform(.8, 1.05)


def _board(r, c, n=64):
    img = np.ones((n, n, 3), np.float32) * c
    img *= 1 + r.uniform(.02, .12) * grain(int(r.integers(8)), n, n)[..., None]
    if r.random() < .6:
        x, y = int(r.integers(2, 40)), int(r.integers(2, 40))
        img[y:y + int(r.integers(4, 20)), x:x + int(r.integers(6, 24))] *= r.uniform(.4, 1.4)
    if r.random() < .4:
        img[int(n * .45):int(n * .53)] *= r.uniform(.7, 1.25)
    return np.clip(img, 3, 252)


def sacks(r, s, src):
    c = colour(r, 60, 225, .75)
    rx, ry, rz = r.uniform(.28, .5), r.uniform(.12, .26), r.uniform(.2, .35)
    power = r.uniform(2, 3.4)
    rows = int(r.integers(1, 4))
    cols = int(r.integers(1, 5))
    for row in range(rows):
        for i in range(max(1, cols - row)):
            for j in range(1 + int(r.random() < .3)):
                s.ball((i + row * .5) * rx * 1.65 + r.normal(0, .04), ry + row * ry * 1.6, j * rz * 1.5 + r.normal(0, .04),
                       rx * r.uniform(.85, 1.12), ry * r.uniform(.85, 1.15), rz * r.uniform(.85, 1.1),
                       np.clip(c + r.normal(0, 8, 3), 5, 250), power, int(r.integers(0, 4)) if r.random() < .5 else 0)


def bags(r, s, src):
    for i in range(int(r.integers(1, 5))):
        rx, ry = r.uniform(.16, .4), r.uniform(.16, .4)
        c = colour(r, 10, 235, .5)
        s.ball(i * .5 + r.normal(0, .08), ry * .9, r.normal(0, .12), rx, ry, rx * r.uniform(.6, 1), c, r.uniform(2, 3), int(r.integers(0, 3)))
        if r.random() < .6:
            s.ball(i * .5, ry * 1.85, 0, rx * .25, ry * .3, rx * .25, c)


def table(r, s, src):
    w, d, h = r.uniform(.8, 2.2), r.uniform(.45, .9), r.uniform(.45, .95)
    c, leg = colour(r), colour(r)
    k = r.random()
    if k < .6:
        t = r.uniform(.02, .06)
        for x in (-w / 2 + .05, w / 2 - .05):
            for z in (-d / 2 + .05, d / 2 - .05):
                s.bar((x, 0, z), (x, h, z), t, leg)
            if r.random() < .4:
                s.bar((x, h * .3, -d / 2), (x, h * .3, d / 2), t, leg)
    elif k < .8:  # cloth down to the ground
        s.box(0, 0, 0, w * .98, h, d * .98, colour(r), side=picture(r, src))
    else:  # trestles
        for x in (-w * .35, w * .35):
            s.bar((x, h, 0), (x - .1, 0, d / 2), .04, leg)
            s.bar((x, h, 0), (x + .1, 0, -d / 2), .04, leg)
    if r.random() < .25:
        s.box(0, h * .3, 0, w * .9, .03, d * .9, leg)
        for x in np.arange(-w * .35, w * .4, .35):
            _small(r, s, src, x, h * .33, 0, .26)
    s.box(0, h, 0, w, r.uniform(.03, .1), d, c, side=_board(r, c), top=_board(r, c))
    if r.random() < .85:
        room = r.uniform(.14, .32)
        for x in np.arange(-w / 2 + room * .6, w / 2 - room * .4, room):
            for z in np.arange(-d / 2 + room * .6, d / 2 - room * .3, room):
                if r.random() < .85:
                    _small(r, s, src, x, h + .04, z, room * .85)
    if r.random() < .12:
        _shade_over(r, s, h + r.uniform(1, 1.5))


def _shade_over(r, s, h):
    """An umbrella or a canopy over a stall."""
    a, b = colour(r, grey=.1), colour(r)
    n, rad = 8, r.uniform(.8, 1.4)
    s.bar((0, 0, 0), (0, h + .3, 0), .05, (120, 120, 120))
    for i in range(n):
        t0, t1 = 2 * np.pi * i / n, 2 * np.pi * (i + 1) / n
        s.face([(0, h + .35, 0), (rad * np.cos(t0), h, rad * np.sin(t0)), (rad * np.cos(t1), h, rad * np.sin(t1))], a if i % 2 else b)


def steps(r, s, src):
    """Fruit on steps, crates before a shop."""
    w, n = r.uniform(1, 2.4), int(r.integers(2, 5))
    rise, deep = r.uniform(.12, .28), r.uniform(.25, .45)
    body = colour(r, 15, 150)
    for i in range(n):
        s.box(0, 0, -i * deep, w, .15 + i * rise, deep, body, side=_board(r, body), top=goods(r) if r.random() < .3 else None)
        room = r.uniform(.28, .5)
        for x in np.arange(-w / 2 + room / 2, w / 2 - room * .3, room):
            c = colour(r)
            s.box(x, .15 + i * rise, -i * deep, room * .95, r.uniform(.06, .16), deep * .95, c, side=holes(r, c, 32), top=goods(r, 40))


def seats(r, s, src):
    c, leg = colour(r), colour(r, 15, 140)
    for i in range(int(r.integers(1, 5))):
        x, z, yaw = i * r.uniform(.45, .8), r.normal(0, .25), 0
        w, h = r.uniform(.32, .5), r.uniform(.28, .5)
        for u in (-w / 2, w / 2):
            for v in (-w / 2, w / 2):
                s.bar((x + u, 0, z + v), (x + u, h, z + v), .03, leg)
        s.box(x, h, z, w, .05, w, c, yaw)
        if r.random() < .7:
            s.box(x, h + .05, z - w / 2, w, r.uniform(.25, .5), .04, c)


def sofa(r, s, src):
    c = colour(r, 20, 200)
    w = r.uniform(.8, 2.1)
    s.box(0, .08, 0, w, .34, .75, c)
    s.box(0, .3, -.32, w, r.uniform(.35, .6), .2, c * r.uniform(.85, 1.1))
    for x in (-w / 2, w / 2):
        s.box(x, .05, 0, .18, .55, .78, c * .92)
    for i in range(int(r.integers(0, 4))):
        s.box(-w / 2 + (i + .5) * w / 4, .42, .05, w / 4.4, .12, .6, c * r.uniform(.9, 1.15))


def planks(r, s, src):
    y = 0.0
    long, c = r.uniform(.8, 2.6), colour(r, 50, 200, .5)
    for _ in range(int(r.integers(1, 9))):
        t = r.uniform(.04, .12)
        b = np.clip(c + r.normal(0, 14, 3), 5, 250)
        s.box(r.normal(0, .06), y, r.normal(0, .05), long * r.uniform(.85, 1.05), t, r.uniform(.2, .8), b, r.normal(0, .05), side=_board(r, b), top=_board(r, b))
        y += t
    if r.random() < .35:
        s.box(r.uniform(-.4, .4), y, 0, .5, r.uniform(.2, .4), .4, colour(r), .2, side=picture(r, src))


def upright(r, s, src):
    """Light boxes, standing signs, posters, fridges, cabinets, doors."""
    w, h, d = r.uniform(.35, 1.0), r.uniform(.8, 2.0), r.choice([.06, .12, .2, .5])
    c = colour(r)
    if r.random() < .2:  # two leaning boards
        for z in (.2, -.2):
            s.face([(-w / 2, h, 0), (w / 2, h, 0), (w / 2, 0, z), (-w / 2, 0, z)], c, (0, .2, np.sign(z)), picture(r, src))
        return
    foot = r.uniform(0, .25)
    if foot > .1:
        for x in (-w / 2 + .04, w / 2 - .04):
            s.bar((x, 0, 0), (x, foot, 0), .04, (90, 90, 92))
        s.box(0, 0, 0, w, .04, .4, colour(r, 30, 120))
    s.box(0, foot, 0, w, h, d, c * r.uniform(.5, 1), side=picture(r, src))
    if r.random() < .25:
        s.box(w * 1.2, 0, 0, .5, r.uniform(.2, .6), .4, colour(r), side=picture(r, src))


def rack(r, s, src):
    w, h, c = r.uniform(.8, 2.0), r.uniform(1.0, 1.7), colour(r, 60, 200, .9)
    t = r.uniform(.025, .05)
    shelf = r.random() < .4
    for x in (-w / 2, w / 2):
        s.bar((x, 0, 0), (x, h, 0), t, c)
        s.bar((x, .03, -.3), (x, .03, .3), t, c)
    s.bar((-w / 2, h, 0), (w / 2, h, 0), t, c)
    if shelf:
        for y in np.arange(.15, h - .2, r.uniform(.3, .5)):
            s.box(0, y, 0, w, .03, .4, c)
            for x in np.arange(-w / 2 + .15, w / 2 - .1, r.uniform(.2, .35)):
                if r.random() < .85:
                    _small(r, s, src, x, y + .03, 0, .2)
        return
    step = r.uniform(.07, .2)
    for x in np.arange(-w / 2 + .08, w / 2 - .05, step):
        l, b, yaw = r.uniform(.5, 1.0), r.uniform(.15, .25), r.uniform(.1, 1.1)
        u, v = b * np.cos(yaw), b * np.sin(yaw)
        y1 = max(.1, h - l)
        s.face([(x - u, h - .04, -v), (x + u, h - .04, v), (x + u * 1.1, y1, v * 1.1), (x - u * 1.1, y1, -v * 1.1)], colour(r, grey=.25), None,
               picture(r, src, 32) if r.random() < .3 else None)


def pots(r, s, src):
    for i in range(int(r.integers(1, 6))):
        x, z, h, rad = i * r.uniform(.3, .55), r.normal(0, .15), r.uniform(.2, .5), r.uniform(.12, .25)
        s.tube(x, 0, z, rad * .75, rad, h, colour(r), colour(r, 20, 70))
        green = np.array([r.uniform(20, 70), r.uniform(70, 150), r.uniform(30, 100)])
        tall = r.uniform(.2, .9)
        for _ in range(int(r.integers(4, 14))):
            s.ball(x + r.normal(0, rad * .7), h + r.uniform(.02, tall), z + r.normal(0, rad * .5), r.uniform(.06, .16), r.uniform(.05, .16), .1,
                   green * r.uniform(.6, 1.3) if r.random() < .85 else colour(r, grey=.05))


def drums(r, s, src):
    base, rad, h = colour(r), r.uniform(.12, .32), r.uniform(.25, .95)
    for i in range(int(r.integers(1, 7))):
        c = np.clip(base + r.normal(0, 8 if r.random() < .5 else 50, 3), 5, 250)
        s.tube((i % 3) * rad * 2.15 + r.normal(0, .02), (i // 3) * h * (r.random() < .6), -(i // 3) * rad * 2, rad, rad * r.uniform(.85, 1.05), h, c, c * r.uniform(.4, 1.2))
        if r.random() < .4:
            s.tube((i % 3) * rad * 2.15, h, -(i // 3) * rad * 2, rad * .4, rad * .3, h * .18, c * .9)


def rubble(r, s, src):
    c = colour(r, 50, 190, .8)
    w = r.uniform(.5, 1.6)
    for _ in range(int(r.integers(8, 30))):
        x = r.normal(0, w / 3)
        y = max(0, r.uniform(0, .5) * (1 - abs(x) / w))
        z = r.normal(0, .25)
        col = np.clip(c + r.normal(0, 15, 3), 5, 250)
        if r.random() < .6:
            s.box(x, y, z, r.uniform(.1, .3), r.uniform(.06, .16), r.uniform(.1, .25), col, r.uniform(0, 3))
        else:
            s.ball(x, y + .05, z, r.uniform(.06, .2), r.uniform(.05, .14), .1, col)


def rolls(r, s, src):
    """Carpets, pipes, tyres lying on each other."""
    c = colour(r)
    if r.random() < .5:
        rad = r.uniform(.22, .34)
        for i in range(int(r.integers(1, 5))):
            s.tube(r.normal(0, .03), i * .2, r.normal(0, .03), rad, rad, .18, (36, 36, 38), (16, 16, 18))
        return
    rad = r.uniform(.05, .2)
    for i in range(int(r.integers(1, 8))):
        x, y = (i % 4) * rad * 2, rad + (i // 4) * rad * 1.8
        t = np.linspace(0, 2 * np.pi, 9)[:-1]
        s.extrude([(x + rad * np.cos(a), y + rad * np.sin(a)) for a in t], -.8, .8, np.clip(c + r.normal(0, 10, 3), 5, 250), c * .4)


KINDS = ((cartons, 3), (sacks, 4), (bags, 2), (table, 4), (steps, 1.5), (seats, 1.5), (sofa, 1), (planks, 1), (upright, 3),
         (rack, 2), (pots, 1), (drums, 1.5), (rubble, 1), (rolls, .7))


def solid_thing(r, src, size):
    """One thing, or two kinds side by side."""
    w = np.array([k[1] for k in KINDS], float)
    s = Solid(r)
    KINDS[r.choice(len(KINDS), p=w / w.sum())][0](r, s, src)
    # People put things down so that their long side shows.
    turn = r.normal(0, .45) if r.random() < .7 else None
    return s.render(size, turn)
