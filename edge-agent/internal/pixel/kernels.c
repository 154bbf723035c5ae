#include "kernels.h"

#include <math.h>

// Where the processor can do more than its family's least, a second version
// of the loop is made and chosen when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VARIANTS __attribute__((target_clones("avx2", "default")))
#else
#define VARIANTS
#endif

static inline int32_t clampi(int32_t v, int32_t lo, int32_t hi) { return v < lo ? lo : v > hi ? hi : v; }
static inline int absi(int v) { return v < 0 ? -v : v; }

VARIANTS static void set_row(uint32_t *restrict sum, const uint8_t *restrict row, int n) {
	for (int x = 0; x < n; x++) sum[x] = row[x];
}

VARIANTS static void add_row(uint32_t *restrict sum, const uint8_t *restrict row, int n) {
	for (int x = 0; x < n; x++) sum[x] += row[x];
}

void jx_shrink(uint8_t *dst, int dw, int dh, const uint8_t *src, int sw, int stride,
	const int32_t *cols, const int32_t *rows, uint32_t *sum, const uint8_t *table) {
	// Dividing by a handful of areas is multiplying by their inverses; exact,
	// since sums stay far below 2^32 divided by the area.
	uint64_t inv[64];
	for (uint64_t m = 1; m < 64; m++) inv[m] = ((1ULL << 32) + m - 1) / m;
	for (int y = 0; y < dh; y++) {
		int y0 = rows[2 * y], y1 = rows[2 * y + 1];
		set_row(sum, src + (long)y0 * stride, sw);
		for (int yy = y0 + 1; yy < y1; yy++) add_row(sum, src + (long)yy * stride, sw);
		uint32_t n = (uint32_t)(y1 - y0);
		uint8_t *out = dst + (long)y * dw;
		for (int x = 0; x < dw; x++) {
			int x0 = cols[2 * x], x1 = cols[2 * x + 1];
			uint32_t s = sum[x0];
			for (int xx = x0 + 1; xx < x1; xx++) s += sum[xx];
			uint32_t m = n * (uint32_t)(x1 - x0);
			out[x] = table[m < 64 ? (uint8_t)(((uint64_t)(s + m / 2) * inv[m]) >> 32) : (uint8_t)((s + m / 2) / m)];
		}
	}
}

void jx_map(uint8_t *dst, const uint8_t *src, int w, int h, int stride, const uint8_t *table) {
	for (int y = 0; y < h; y++) {
		const uint8_t *row = src + (long)y * stride;
		uint8_t *out = dst + (long)y * w;
		for (int x = 0; x < w; x++) out[x] = table[row[x]];
	}
}

VARIANTS void jx_stretch_luma(uint8_t *restrict dst, const uint8_t *restrict src, int w, int h, int stride) {
	for (int y = 0; y < h; y++) {
		const uint8_t *restrict row = src + (long)y * stride;
		uint8_t *restrict out = dst + (long)y * w;
		for (int x = 0; x < w; x++) {
			int32_t v = (row[x] - 16) * 255 + 109;
			out[x] = (uint8_t)clampi((int32_t)((uint32_t)(v < 0 ? 0 : v) / 219), 0, 255);
		}
	}
}

VARIANTS void jx_stretch_hue(uint8_t *restrict dst, const uint8_t *restrict src, int w, int h, int stride) {
	for (int y = 0; y < h; y++) {
		const uint8_t *restrict row = src + (long)y * stride;
		uint8_t *restrict out = dst + (long)y * w;
		for (int x = 0; x < w; x++) out[x] = (uint8_t)clampi(128 + (row[x] - 128) * 255 / 224, 0, 255);
	}
}

void jx_cells(uint32_t *sums, const uint8_t *p, int w, int h, int gw, int gh, uint32_t *room) {
	for (int gy = 0; gy < gh; gy++) {
		int y0 = (int)((long)gy * h / gh), y1 = (int)((long)(gy + 1) * h / gh);
		if (y1 <= y0) y1 = y0 + 1;
		set_row(room, p + (long)y0 * w, w);
		for (int y = y0 + 1; y < y1; y++) add_row(room, p + (long)y * w, w);
		for (int gx = 0; gx < gw; gx++) {
			int x0 = (int)((long)gx * w / gw), x1 = (int)((long)(gx + 1) * w / gw);
			if (x1 <= x0) x1 = x0 + 1;
			uint32_t s = 0;
			for (int x = x0; x < x1; x++) s += room[x];
			*sums++ = s;
		}
	}
}

void jx_tally(const uint8_t *p, const uint8_t *last, int n, int32_t *levels, int32_t *steps) {
	// Two counters in turn: equal neighbours would wait for each other.
	int32_t l[2][256] = {{0}}, s[2][512] = {{0}};
	for (int i = 0; i < n; i++) l[i & 1][p[i]]++;
	for (int i = 0; i < 256; i++) levels[i] = l[0][i] + l[1][i];
	if (!last) return;
	for (int i = 0; i < n; i++) s[i & 1][256 + p[i] - last[i]]++;
	for (int i = 0; i < 512; i++) steps[i] = s[0][i] + s[1][i];
}

VARIANTS static int64_t dot(const uint32_t *restrict a, const uint32_t *restrict b, int n) {
	int64_t s = 0;
	for (int i = 0; i < n; i++) s += (int64_t)((uint64_t)a[i] * b[i]);
	return s;
}

void jx_correlations(int64_t *out, const uint32_t *a, const uint32_t *b, int n, int reach) {
	for (int s = 0; s <= 2 * reach; s++) out[s] = dot(a + reach, b + s, n - 2 * reach);
}

void jx_copy_where(uint8_t *dst, const uint8_t *src, int w, int h, const uint8_t *hold, int hw, int hh, int32_t *room) {
	for (int x = 0; x < w; x++) room[x] = (int32_t)((long)x * hw / w);
	for (int y = 0; y < h; y++) {
		const uint8_t *held = hold + ((long)y * hh / h) * hw;
		const uint8_t *from = src + (long)y * w;
		uint8_t *to = dst + (long)y * w;
		for (int x = 0; x < w; x++) to[x] = held[room[x]] ? to[x] : from[x];
	}
}

VARIANTS static uint32_t fine_row(const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c, int n) {
	uint32_t sum = 0;
	for (int x = 0; x < n; x++) {
		int32_t d = 9 * b[x + 1] - (a[x] + b[x] + c[x] + a[x + 1] + b[x + 1] + c[x + 1] + a[x + 2] + b[x + 2] + c[x + 2]);
		sum += (uint32_t)(d * d);
	}
	return sum;
}

uint64_t jx_fine(const uint8_t *p, int w, int h) {
	enum { CHUNK = 512 }; // squares of at most 2040 times this fit 32 bits
	uint64_t sum = 0;
	for (int y = 1; y < h - 1; y += 2)
		for (int x = 0; x < w - 2; x += CHUNK) {
			const uint8_t *b = p + (long)y * w + x;
			sum += fine_row(b - w, b, b + w, w - 2 - x < CHUNK ? w - 2 - x : CHUNK);
		}
	return sum;
}

VARIANTS void jx_gain(uint8_t *restrict out, const uint8_t *restrict in, int w, int h, int32_t a, int32_t bx, int32_t by) {
	for (int y = 0; y < h; y++) {
		int32_t f = a * 256 + by * y;
		const uint8_t *restrict row = in + (long)y * w;
		uint8_t *restrict o = out + (long)y * w;
		for (int x = 0; x < w; x++) {
			int32_t k = clampi((f + bx * x) >> 8, 400, 40960);
			int32_t v = (row[x] * k + 2048) >> 12;
			o[x] = (uint8_t)(v > 255 ? 255 : v);
		}
	}
}

VARIANTS void jx_gain_hue(uint8_t *restrict out, const uint8_t *restrict in, int n, int32_t factor, int32_t off) {
	for (int i = 0; i < n; i++) out[i] = (uint8_t)clampi((((in[i] - 128) * factor) >> 12) + 128 - off, 0, 255);
}

VARIANTS void jx_blocks(int32_t *restrict sums, const uint8_t *restrict y, const uint8_t *restrict ry, const uint16_t *restrict acc, int w, int h, int side) {
	for (int by = 0; by + side <= h; by += side)
		for (int bx = 0; bx + side <= w; bx += side) {
			int32_t c = 0, r = 0, n = 0;
			for (int i = by; i < by + side; i += 2) {
				long o = (long)i * w + bx;
				for (int x = 0; x < side; x++) {
					int32_t take = -((acc[o + x] == 0) & (y[o + x] < 250) & (ry[o + x] < 250));
					c += y[o + x] & take;
					r += ry[o + x] & take;
					n -= take;
				}
			}
			*sums++ = c;
			*sums++ = r;
			*sums++ = n;
		}
}

VARIANTS void jx_gate(const uint8_t *restrict y, uint8_t *restrict prev, int n, int32_t *restrict counts) {
	int32_t bright = 0, black = 0, differ = 0;
	for (int i = 0; i < n; i++) {
		int d = y[i] - prev[i];
		bright += y[i] >= 252;
		black += y[i] <= 6;
		differ += (d > 1) | (d < -1);
	}
	for (int i = 0; i < n; i++) prev[i] = y[i];
	counts[0] = bright;
	counts[1] = black;
	counts[2] = differ;
}

VARIANTS void jx_edges_across(uint32_t *restrict sum, const uint8_t *restrict p, int w, int h) {
	for (int x = 0; x < w; x++) sum[x] = 0;
	for (int y = 1; y < h - 1; y += 2) {
		const uint8_t *restrict row = p + (long)y * w;
		for (int x = 1; x < w - 1; x++) sum[x] += (uint32_t)absi(row[x + 1] - row[x - 1]);
	}
}

VARIANTS void jx_edges_down(uint32_t *restrict sum, const uint8_t *restrict p, int w, int h) {
	for (int y = 0; y < h; y++) sum[y] = 0;
	for (int y = 1; y < h - 1; y += 2) {
		const uint8_t *restrict up = p + (long)(y - 1) * w, *restrict down = p + (long)(y + 1) * w;
		uint32_t s = 0;
		for (int x = 0; x < w; x += 2) s += (uint32_t)absi(up[x] - down[x]);
		sum[y] = s;
		if (y + 1 < h - 1) sum[y + 1] = s;
	}
}

VARIANTS static void hue_row(uint8_t *restrict out, const uint8_t *restrict u, const uint8_t *restrict v,
	const uint16_t *restrict ru, const uint16_t *restrict rv, int n) {
	for (int x = 0; x < n; x++) {
		int16_t c = (int16_t)(absi(u[x] - (ru[x] >> 8)) + absi(v[x] - (rv[x] >> 8)));
		out[x] = (uint8_t)(c > 255 ? 255 : c);
	}
}

void jx_hue(uint8_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v,
	const uint8_t *ry, const uint16_t *ru, const uint16_t *rv, int w, int h, int cw, int ch, int least) {
	for (int cy = 0; cy < ch; cy++) {
		int row = 2 * cy < h - 1 ? 2 * cy : h - 1;
		const uint8_t *ly = y + (long)row * w, *lr = ry + (long)row * w;
		long o = (long)cy * cw;
		hue_row(out + o, u + o, v + o, ru + o, rv + o, cw);
		for (int cx = 0; cx < cw; cx++) {
			if (out[o + cx] <= least) continue;
			int x = 2 * cx < w - 1 ? 2 * cx : w - 1;
			int p = ly[x], q = lr[x] > 8 ? lr[x] : 8;
			if (p >= q) continue;
			if (p < q / 4) p = q / 4;
			int a = u[o + cx] - 128, b = v[o + cx] - 128;
			int ra = (ru[o + cx] >> 8) - 128, rb = (rv[o + cx] >> 8) - 128;
			int dim = absi(a - ra * p / q) + absi(b - rb * p / q);
			if (dim < out[o + cx]) out[o + cx] = (uint8_t)dim;
		}
	}
}

VARIANTS static void suspect_row(uint8_t *restrict out, const uint8_t *restrict y, const uint8_t *restrict ry,
	const uint16_t *restrict dev, const uint8_t *restrict wide, int w, int least, int most, int hue_least) {
	for (int x = 0; x < w; x++) {
		int16_t a = (int16_t)absi(y[x] - ry[x]);
		int16_t t = (int16_t)(3 * (dev[x] >> 8));
		t = t < least ? (int16_t)least : t > most ? (int16_t)most : t;
		out[x] = (uint8_t)-((a * 5 > t * 3) | (wide[x] > hue_least));
	}
}

void jx_suspect(uint8_t *out, const uint8_t *y, const uint8_t *ry, const uint16_t *dev, const uint8_t *hue,
	uint8_t *wide, int w, int h, int cw, int least, int most, int hue_least) {
	for (int i = 0; i < h; i++) {
		if ((i & 1) == 0) {
			const uint8_t *c = hue + (long)(i / 2) * cw;
			for (int x = 0; x < w / 2; x++) wide[2 * x] = wide[2 * x + 1] = c[x];
			if (w & 1) wide[w - 1] = c[w / 2];
		}
		long o = (long)i * w;
		suspect_row(out + o, y + o, ry + o, dev + o, wide, w, least, most, hue_least);
	}
}

enum { RADIUS = 3 };

// columns sums, for each of n columns, what correlation needs over some rows.
VARIANTS static void columns(int32_t *restrict c, const uint8_t *restrict y, const uint8_t *restrict ry, int n, int rows, int stride) {
	int32_t *restrict sa = c, *restrict sb = c + n, *restrict saa = c + 2 * n, *restrict sbb = c + 3 * n, *restrict sab = c + 4 * n;
	for (int x = 0; x < 5 * n; x++) c[x] = 0;
	for (int i = 0; i < rows; i++) {
		const uint8_t *restrict p = y + (long)i * stride, *restrict q = ry + (long)i * stride;
		for (int x = 0; x < n; x++) {
			int32_t a = p[x], b = q[x];
			sa[x] += a;
			sb[x] += b;
			saa[x] += a * a;
			sbb[x] += b * b;
			sab[x] += a * b;
		}
	}
}

static float correlation(const int32_t *s, float n, float dev, float least) {
	float fa = (float)s[0] / n, fb = (float)s[1] / n;
	float va = (float)s[2] / n - fa * fa, vb = (float)s[3] / n - fb * fb;
	// Texture is relative: a thing in half the light shows half of it. The
	// sensor's noise is taken off, or else it would pass for texture.
	float noise = dev / 256;
	noise *= 1.6f * noise;
	float scale = (fb > 16 ? fb : 16) / (fa > 16 ? fa : 16);
	va = va - noise > 0 ? va - noise : 0;
	float lit = va * scale * scale;
	if ((lit > vb ? lit : vb) < least + noise) return 2;
	// A floor on both keeps what is left of it in flat windows from deciding.
	va += 4;
	vb += 4;
	return ((float)s[4] / n - fa * fb) / sqrtf(va * vb);
}

void jx_correlate(float *out, const uint8_t *y, const uint8_t *ry, const uint16_t *dev, const uint8_t *mask,
	int w, int h, int32_t *room, float least) {
	for (int py = 0; py < h; py++) {
		const uint8_t *m = mask + (long)py * w;
		int y0 = py > RADIUS ? py - RADIUS : 0, y1 = py + RADIUS + 1 < h ? py + RADIUS + 1 : h;
		for (int x = 0; x < w; x++) {
			if (!m[x]) continue;
			// A run of pixels that are near each other shares its columns.
			int end = x + 1;
			for (int k = end; k < w && k <= end + 2 * RADIUS; k++)
				if (m[k]) end = k + 1;
			int from = x > RADIUS ? x - RADIUS : 0, to = end + RADIUS < w ? end + RADIUS : w, n = to - from;
			columns(room, y + (long)y0 * w + from, ry + (long)y0 * w + from, n, y1 - y0, w);
			for (; x < end; x++) {
				if (!m[x]) continue;
				int x0 = x > RADIUS ? x - RADIUS : 0, x1 = x + RADIUS + 1 < w ? x + RADIUS + 1 : w;
				int32_t s[5] = {0, 0, 0, 0, 0};
				for (int k = 0; k < 5; k++)
					for (int i = x0 - from; i < x1 - from; i++) s[k] += room[k * n + i];
				long at = (long)py * w + x;
				out[at] = correlation(s, (float)((x1 - x0) * (y1 - y0)), (float)dev[at], least);
			}
		}
	}
}

VARIANTS void jx_learn(uint16_t *restrict ref, uint8_t *restrict ref8, uint16_t *restrict dev, const uint8_t *restrict cur,
	const uint8_t *restrict norm, const uint16_t *restrict acc, const uint8_t *restrict hold, int n, int32_t a, int32_t slow) {
	for (int i = 0; i < n; i++) {
		int32_t r = ref[i];
		int32_t s = r + ((((int32_t)cur[i] << 8) - r) * a >> 16);
		r = hold[i] ? r : s;
		ref[i] = (uint16_t)r;
		ref8[i] = (uint8_t)(r >> 8);
		int32_t d = absi(norm[i] - (r >> 8)), v = dev[i];
		int32_t moved = v + ((((d > 60 ? 60 : d) << 8) - v) * slow >> 12);
		dev[i] = (uint16_t)(acc[i] ? v : moved);
	}
}

VARIANTS static void learn_row(uint16_t *restrict ref, const uint8_t *restrict cur, const uint8_t *restrict held, int n, int32_t a) {
	for (int x = 0; x < n; x++) {
		int32_t r = ref[x];
		int32_t s = r + ((((int32_t)cur[x] << 8) - r) * a >> 16);
		ref[x] = (uint16_t)(held[x] ? r : s);
	}
}

void jx_learn_hue(uint16_t *ref, const uint8_t *cur, const uint8_t *hold, int w, int h, int cw, int ch, uint8_t *room, int32_t a) {
	for (int cy = 0; cy < ch; cy++) {
		const uint8_t *held = hold + (long)(2 * cy < h - 1 ? 2 * cy : h - 1) * w;
		for (int cx = 0; cx < cw; cx++) room[cx] = held[2 * cx < w - 1 ? 2 * cx : w - 1];
		learn_row(ref + (long)cy * cw, cur + (long)cy * cw, room, cw, a);
	}
}
