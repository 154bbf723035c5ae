// A small face on libavcodec and libswscale: one call decodes one key
// picture, so that Go pays one transition per picture.
#ifndef JX_AVCODEC_H
#define JX_AVCODEC_H

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

enum { JX_H264 = 0, JX_H265 = 1 };

// Results that are no libav errors.
enum { JX_OK = 0, JX_NOTHING = 1, JX_DAMAGED = 2, JX_TOO_LARGE = 3, JX_NO_MEMORY = 4 };

typedef struct jx_decoder {
	AVCodecContext *ctx;
	AVFrame *frame;
	AVPacket *packet;
	struct SwsContext *convert; // for layouts that are not 8-bit 4:2:0
} jx_decoder;

typedef struct jx_plane_set {
	uint8_t *y, *u, *v;
	int ystride, cstride;
} jx_plane_set;

jx_decoder *jx_open(int codec, int all_frames, int max_side);
void jx_close(jx_decoder *d);
int jx_key(jx_decoder *d, const uint8_t *data, int size, int64_t *averror);
int jx_send(jx_decoder *d, const uint8_t *data, int size, int64_t *averror);
int jx_receive(jx_decoder *d, int64_t *averror);
int jx_copy(jx_decoder *d, uint8_t *y, uint8_t *u, uint8_t *v, int ystride, int cstride);
int jx_full_range(const jx_decoder *d);
void jx_quiet(void);

struct SwsContext *jx_scaler(int sw, int sh, int dw, int dh, int rgb, int full_range);
int jx_scale(struct SwsContext *s, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ystride, int cstride,
	int sh, uint8_t *dy, uint8_t *du, uint8_t *dv, int dystride, int dcstride);
#endif
