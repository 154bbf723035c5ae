"""Vehicles, bicycles, e-bikes and tricycles as solids; see solids.py."""
import numpy as np

from solids import Solid, colour

GLASS = ((18, 18, 20), (60, 55, 50), (95, 88, 78), (130, 125, 118))


def _glass(r):
    return np.array(GLASS[r.integers(len(GLASS))], float) * r.uniform(.8, 1.2)


def _wheels(r, s, xs, z, rad):
    for x in xs:
        for side in (-1, 1):
            s.wheel(x, rad, side * (z - .08), rad, .2, colour(r, 60, 190, .95))


def car(r, s):
    """Saloons, hatchbacks, estate cars and jeeps."""
    long, wide = r.uniform(3.4, 4.9), r.uniform(1.6, 1.9)
    belt, roof, low = r.uniform(.8, 1.0), r.uniform(1.35, 1.85), r.uniform(.2, .35)
    a = long / 2
    f0, f1 = a * r.uniform(.2, .5), a * r.uniform(-.1, .25)  # foot and head of the windscreen
    b0, b1 = -a * r.uniform(.55, .98), -a * r.uniform(.4, .9)
    b1 = max(b1, b0)
    c = colour(r, 12, 240, .7)
    s.extrude([(-a, low), (a, low), (a, belt * .8), (f0, belt), (b0, belt), (-a, belt * r.uniform(.8, 1.0))], -wide / 2, wide / 2, c)
    cab = [(b0, belt), (f0, belt), (f1, roof), (b1, roof)]
    lean = lambda x, y: .12 if y > belt + .05 else .03
    s.extrude(cab, -wide / 2, wide / 2, c, shift=lean)
    g = _glass(r)
    for side in (-1, 1):
        z = side * (wide / 2 - .06)
        mid = (f1 + b1) / 2 + r.uniform(-.1, .1)
        y0, y1 = belt + .04, roof - .08
        t = lambda x0, x1, y: x0 + (x1 - x0) * (y - belt) / (roof - belt)
        for u0, u1, v0, v1 in ((t(b0, b1, y0) + .12, mid - .04, t(b0, b1, y1) + .1, mid - .04), (mid + .04, t(f0, f1, y0) - .12, mid + .04, t(f0, f1, y1) - .1)):
            q = [(u0, y0, z), (u1, y0, z), (v1, y1, z - side * .06), (v0, y1, z - side * .06)]
            s.face(q, g, (0, 0, side))
        s.face([(-a, low + .25, side * (wide / 2 + .005)), (a, low + .25, side * (wide / 2 + .005)), (a, low + .3, side * (wide / 2 + .005)), (-a, low + .3, side * (wide / 2 + .005))], c * .6, (0, 0, side))
    w = wide / 2 - .16
    for (x0, x1), n in (((f0, f1), 1), ((b0, b1), -1)):
        e = n * .01
        s.face([(x0 * .97 + x1 * .03 + e, belt + .03, -w), (x0 * .97 + x1 * .03 + e, belt + .03, w), (x1 * .95 + x0 * .05 + e, roof - .05, w * .85), (x1 * .95 + x0 * .05 + e, roof - .05, -w * .85)], g, (n * .7, .7, 0))
    for x, col, n in ((a, (210, 235, 245), 1), (-a, (50, 45, 190), -1)):
        for z in (-wide * .35, wide * .35):
            s.face([(x + n * .01, belt * .55, z - .18), (x + n * .01, belt * .55, z + .18), (x + n * .01, belt * .72, z + .18), (x + n * .01, belt * .72, z - .18)], col, (n, 0, 0))
        s.face([(x + n * .012, low + .12, -.26), (x + n * .012, low + .12, .26), (x + n * .012, low + .24, .26), (x + n * .012, low + .24, -.26)], colour(r, 60, 230), (n, 0, 0))
    _wheels(r, s, (a * r.uniform(.6, .7), -a * r.uniform(.55, .68)), wide / 2, r.uniform(.28, .37))


def van(r, s):
    """Vans, small buses, lorries with a cab and a box or an open bed."""
    long, wide, high = r.uniform(3.2, 5.8), r.uniform(1.5, 2.1), r.uniform(1.5, 2.5)
    low, a = r.uniform(.3, .5), 0
    a = long / 2
    c = colour(r, 20, 245, .75)
    g = _glass(r)
    rad = r.uniform(.28, .42)
    kind = r.integers(0, 3)
    nose = r.uniform(0, .8)
    if kind < 2:
        s.extrude([(-a, low), (a, low), (a, high * .5), (a - nose, high), (-a, high)], -wide / 2, wide / 2, c)
        n = int(r.integers(1, 6))
        y0, y1 = high * r.uniform(.48, .56), high * r.uniform(.8, .92)
        for side in (-1, 1):
            z = side * (wide / 2 + .01)
            end = a - nose - .08
            for i in range(n if kind == 0 else 1):
                x1 = end - i * (long - nose) / n
                x0 = x1 - (long - nose) / n * .88
                s.face([(x0, y0, z), (x1, y0, z), (x1 - .03, y1, z), (x0 + .03, y1, z)], g, (0, 0, side))
            for x in r.uniform(-a, a, int(r.integers(0, 4))):
                s.face([(x, low, z), (x + .03, low, z), (x + .03, high, z), (x, high, z)], c * .6, (0, 0, side))
            if r.random() < .4:
                yy = r.uniform(low + .1, high * .5)
                s.face([(-a, yy, z), (a, yy, z), (a, yy + .12, z), (-a, yy + .12, z)], colour(r), (0, 0, side))
        w = wide / 2 - .1
        s.face([(a + .01, high * .52, -w), (a + .01, high * .52, w), (a - nose * .9 + .01, high * .95, w), (a - nose * .9 + .01, high * .95, -w)], g, (.8, .4, 0))
        s.face([(-a - .01, high * .55, -w), (-a - .01, high * .55, w), (-a - .01, high * .9, w), (-a - .01, high * .9, -w)], g, (-1, 0, 0))
    else:
        cab, ch = r.uniform(1.0, 1.7), r.uniform(1.4, 2.0)
        s.extrude([(a - cab, low), (a, low), (a, ch * .55), (a - .25, ch), (a - cab, ch)], -wide / 2, wide / 2, c)
        for side in (-1, 1):
            z = side * (wide / 2 + .01)
            s.face([(a - cab + .15, ch * .55, z), (a - .2, ch * .55, z), (a - .35, ch * .92, z), (a - cab + .15, ch * .92, z)], g, (0, 0, side))
        s.face([(a + .01, ch * .57, -wide * .44), (a + .01, ch * .57, wide * .44), (a - .23, ch * .97, wide * .42), (a - .23, ch * .97, -wide * .42)], g, (.8, .4, 0))
        bed = colour(r)
        y0 = low + .15
        hh = r.uniform(.3, .5) if r.random() < .5 else r.uniform(1.0, 1.8)
        s.box(-cab / 2 - .05, y0, 0, long - cab - .1, hh, wide * .98, bed, top=bed * .5 if hh < .6 else None)
        s.box(0, low - .05, 0, long * .95, .2, wide * .6, (40, 40, 42))
    for x, col, n in ((a, (210, 235, 245), 1), (-a, (50, 45, 190), -1)):
        for z in (-wide * .38, wide * .38):
            s.face([(x + n * .015, low + .2, z - .12), (x + n * .015, low + .2, z + .12), (x + n * .015, low + .38, z + .12), (x + n * .015, low + .38, z - .12)], col, (n, 0, 0))
    _wheels(r, s, (a * r.uniform(.55, .75), -a * r.uniform(.5, .72)), wide / 2, rad)


def _handle(s, x, y, z, t, reach, col=(30, 30, 32)):
    s.bar((x, y, z - reach), (x, y, z + reach), t, col)


def ebike(r, s, z=0.0, lean=0.0):
    """E-bikes, scooters and motorcycles."""
    rad, base, t = r.uniform(.2, .32), r.uniform(.95, 1.35), r.uniform(.05, .12)
    c, dark = colour(r, 10, 235), colour(r, 10, 70, .9)
    w = r.uniform(.1, .18)
    x0, x1 = -base / 2, base / 2
    turn = r.normal(0, .3)
    s.wheel(x0, rad, z, rad, t, (90, 90, 94))
    s.wheel(x1, rad, z, rad, t, (90, 90, 94), turn=turn)
    floor, seat, head = r.uniform(.28, .4), r.uniform(.62, .8), r.uniform(.9, 1.15)
    k = r.random()
    if k < .7:  # with a footboard
        s.extrude([(x0 - .15, floor + .15), (x0 + .1, floor - .05), (x1 - .35, floor - .05), (x1 - .3, floor + .05), (x0 + .42, floor + .06), (x0 + .38, seat), (x0 - .2, seat), (x0 - .3, seat - .12)], z - w, z + w, c)
        s.extrude([(x1 - .38, floor), (x1 - .25, floor), (x1 - .08, head), (x1 - .2, head)], z - w, z + w, c)
    else:  # with a tank
        s.extrude([(x0 - .1, seat - .1), (x0 + .2, floor), (x1 - .4, floor), (x1 - .15, seat + .1), (x1 - .3, seat + .15), (x0 - .2, seat)], z - w, z + w, c)
    s.extrude([(x0 - .25, seat), (x0 + .45, seat), (x0 + .42, seat + .1), (x0 - .2, seat + .12)], z - w * 1.1, z + w * 1.1, dark)
    s.bar((x1 - .12, head, z), (x1, rad, z), .06, dark)
    s.extrude([(x1 - .2, rad + .12), (x1 + .22, rad + .1), (x1 + .1, rad + .3), (x1 - .1, rad + .3)], z - .06, z + .06, c * .9)
    _handle(s, x1 - .18, head + .05, z, .05, r.uniform(.25, .38))
    for q in (-.3, .3):
        if r.random() < .7:
            s.bar((x1 - .18, head + .05, z + q * .8), (x1 - .16, head + .25, z + q), .03, (30, 30, 32))
    if r.random() < .5:  # box behind
        b = colour(r)
        d = r.uniform(.3, .5)
        s.box(x0 - .15, seat + .12, z, d, d * r.uniform(.6, 1.0), d, b)
    if r.random() < .3:  # basket or screen
        s.box(x1 + .02, head - .25, z, .25, .22, .28, colour(r, 20, 140))
    if r.random() < .2:
        s.face([(x1 - .1, floor, z - .35), (x1 - .1, floor, z + .35), (x1 - .2, head + .1, z + .4), (x1 - .2, head + .1, z - .4)], colour(r))


def bicycle(r, s, z=0.0):
    rad, base, t = r.uniform(.28, .35), r.uniform(.95, 1.1), r.uniform(.025, .05)
    c = colour(r)
    x0, x1 = -base / 2, base / 2
    for x in (x0, x1):
        s.wheel(x, rad, z, rad, r.uniform(.03, .05), spokes=True)
    seat, head, crank = (x0 + .28, .78, z), (x1 - .2, .85, z), (x0 + .42, .3, z)
    for a, b in (((x0, rad, z), seat), (seat, head), (head, crank), (crank, seat), ((x0, rad, z), crank), (head, (x1, rad, z)), (head, (x1 - .25, 1.0, z))):
        s.bar(a, b, t, c)
    _handle(s, x1 - .25, 1.0, z, .035, .28)
    s.box(seat[0], .84, z, .25, .07, .16, (25, 25, 28))
    if r.random() < .5:
        s.box(x1 + .08, .62, z, .28, .24, .32, colour(r, 20, 140))
    if r.random() < .5:
        s.box(x0 - .05, rad * 2 + .06, z, .4, .03, .18, (60, 60, 62))


def tricycle(r, s):
    """Cargo tricycles, with or without a load or a cabin."""
    rad, bed = r.uniform(.22, .32), r.uniform(1.0, 1.7)
    wide, floor = r.uniform(.75, 1.1), r.uniform(.38, .55)
    c, x1 = colour(r), bed / 2 + r.uniform(.7, 1.1)
    wall = r.uniform(.15, .4)
    kind = r.random()
    for side in (-1, 1):
        s.wheel(-bed * .1, rad, side * wide * .52, rad, .1, spokes=r.random() < .4)
    s.wheel(x1, rad, 0, rad, .08, turn=r.normal(0, .3), spokes=r.random() < .4)
    s.box(0, floor, 0, bed, wall, wide, c, top=c * r.uniform(.35, .9))
    if kind < .4:
        for _ in range(int(r.integers(1, 6))):
            x, z, h = r.uniform(-bed * .4, bed * .4), r.uniform(-wide * .3, wide * .3), r.uniform(.1, .5)
            if r.random() < .5:
                s.box(x, floor + wall * .6, z, .4, h, .35, colour(r), r.uniform(-.3, .3))
            else:
                s.ball(x, floor + wall, z, .3, h * .6, .25, colour(r))
    elif kind < .6:  # closed
        s.box(0, floor + wall, 0, bed, r.uniform(.4, .9), wide, colour(r))
    head = r.uniform(.9, 1.1)
    if r.random() < .35:  # electric with a cabin front
        s.extrude([(bed / 2, floor - .1), (x1, floor - .1), (x1 + .1, head - .2), (x1 - .15, head)], -wide * .35, wide * .35, c)
    else:
        s.bar((bed / 2, floor, 0), (x1 - .25, floor - .05, 0), .08, c)
        s.bar((x1 - .25, floor - .05, 0), (x1 - .15, head, 0), .07, c)
    s.bar((x1 - .15, head, 0), (x1, rad, 0), .06, (60, 60, 62))
    _handle(s, x1 - .2, head + .04, 0, .045, .34)
    s.bar((bed / 2 + .25, floor, 0), (bed / 2 + .25, floor + .35, 0), .08, c)
    s.box(bed / 2 + .25, floor + .32, 0, .32, .09, .26, (28, 28, 30))
    if r.random() < .2:
        h = r.uniform(1.5, 1.9)
        for x in (-bed / 2, x1 - .2):
            for z in (-wide / 2, wide / 2):
                s.bar((x, floor, z), (x, h, z), .04, (90, 90, 92))
        s.box((x1 - .2 - bed / 2) / 2, h, 0, bed / 2 + x1 - .1, .05, wide * 1.1, colour(r))


def solid_vehicle(r, src, size):
    """One vehicle, or a row of bicycles or e-bikes."""
    s = Solid(r)
    k = r.random()
    if k < .27:
        car(r, s)
    elif k < .47:
        van(r, s)
    elif k < .66:
        tricycle(r, s)
    else:
        n = 1 if r.random() < .7 else int(r.integers(2, 5))
        one = ebike if k < .87 else bicycle
        for i in range(n):
            one(r, s, i * r.uniform(.5, .75))
    turn = (r.normal(0, .45) + np.pi * r.integers(0, 2)) if r.random() < .6 else None
    return s.render(size, turn)
