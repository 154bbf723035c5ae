// Loops over whole planes of 8-bit pixels. They are in C because its compiler
// turns them into vector instructions; what they compute is plain integer
// arithmetic that the Go twins in the tests repeat bit for bit.
#ifndef JX_PIXEL_H
#define JX_PIXEL_H

#include <stdint.h>

void jx_shrink(uint8_t *dst, int dw, int dh, const uint8_t *src, int sw, int stride,
	const int32_t *cols, const int32_t *rows, uint32_t *sum, const uint8_t *table);
void jx_map(uint8_t *dst, const uint8_t *src, int w, int h, int stride, const uint8_t *table);
void jx_stretch_luma(uint8_t *dst, const uint8_t *src, int w, int h, int stride);
void jx_stretch_hue(uint8_t *dst, const uint8_t *src, int w, int h, int stride);
void jx_cells(uint32_t *sums, const uint8_t *p, int w, int h, int gw, int gh, uint32_t *room);
void jx_tally(const uint8_t *p, const uint8_t *last, int n, int32_t *levels, int32_t *steps);
void jx_correlations(int64_t *out, const uint32_t *a, const uint32_t *b, int n, int reach);
void jx_copy_where(uint8_t *dst, const uint8_t *src, int w, int h, const uint8_t *hold, int hw, int hh, int32_t *room);
uint64_t jx_fine(const uint8_t *p, int w, int h);
void jx_gain(uint8_t *out, const uint8_t *in, int w, int h, int32_t a, int32_t bx, int32_t by);
void jx_gain_hue(uint8_t *out, const uint8_t *in, int n, int32_t factor, int32_t off);
void jx_blocks(int32_t *sums, const uint8_t *y, const uint8_t *ry, const uint16_t *acc, int w, int h, int side);
void jx_gate(const uint8_t *y, uint8_t *prev, int n, int32_t *counts);
void jx_edges_across(uint32_t *sum, const uint8_t *p, int w, int h);
void jx_edges_down(uint32_t *sum, const uint8_t *p, int w, int h);
void jx_hue(uint8_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v,
	const uint8_t *ry, const uint16_t *ru, const uint16_t *rv, int w, int h, int cw, int ch, int least);
void jx_suspect(uint8_t *out, const uint8_t *y, const uint8_t *ry, const uint16_t *dev, const uint8_t *hue,
	uint8_t *wide, int w, int h, int cw, int least, int most, int hue_least);
void jx_correlate(float *out, const uint8_t *y, const uint8_t *ry, const uint16_t *dev, const uint8_t *mask,
	int w, int h, int32_t *room, float least);
void jx_learn(uint16_t *ref, uint8_t *ref8, uint16_t *dev, const uint8_t *cur, const uint8_t *norm,
	const uint16_t *acc, const uint8_t *hold, int n, int32_t a, int32_t slow);
void jx_learn_hue(uint16_t *ref, const uint8_t *cur, const uint8_t *hold, int w, int h, int cw, int ch, uint8_t *room, int32_t a);

#endif
