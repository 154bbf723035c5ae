#include "avcodec.h"

void jx_quiet(void) { av_log_set_level(AV_LOG_QUIET); }

jx_decoder *jx_open(int codec, int all_frames, int max_side)
{
	const AVCodec *c = avcodec_find_decoder(codec == JX_H265 ? AV_CODEC_ID_HEVC : AV_CODEC_ID_H264);
	jx_decoder *d = av_mallocz(sizeof(*d));
	if (!c || !d)
		goto fail;
	d->ctx = avcodec_alloc_context3(c);
	d->frame = av_frame_alloc();
	d->packet = av_packet_alloc();
	if (!d->ctx || !d->frame || !d->packet)
		goto fail;
	d->ctx->thread_count = 1;
	d->ctx->max_pixels = (int64_t)max_side * max_side;
	if (!all_frames)
		// A key picture with a broken slice is no ground for a judgement:
		// an error is better than a picture that was made up.
		d->ctx->err_recognition = AV_EF_EXPLODE | AV_EF_BITSTREAM | AV_EF_BUFFER;
	if (avcodec_open2(d->ctx, c, NULL) < 0)
		goto fail;
	return d;
fail:
	jx_close(d);
	return NULL;
}

void jx_close(jx_decoder *d)
{
	if (!d)
		return;
	sws_freeContext(d->convert);
	av_packet_free(&d->packet);
	av_frame_free(&d->frame);
	avcodec_free_context(&d->ctx);
	av_free(d);
}

static int fit(jx_decoder *d)
{
	AVFrame *f = d->frame;
	if (f->width < 1 || f->height < 1 || (int64_t)f->width * f->height > d->ctx->max_pixels)
		return JX_TOO_LARGE;
	if ((f->flags & AV_FRAME_FLAG_CORRUPT) || f->decode_error_flags)
		return JX_DAMAGED;
	return JX_OK;
}

int jx_send(jx_decoder *d, const uint8_t *data, int size, int64_t *averror)
{
	av_packet_unref(d->packet);
	d->packet->data = (uint8_t *)data;
	d->packet->size = size;
	int r = avcodec_send_packet(d->ctx, d->packet);
	d->packet->data = NULL;
	d->packet->size = 0;
	*averror = r;
	return r < 0 ? JX_DAMAGED : JX_OK;
}

int jx_receive(jx_decoder *d, int64_t *averror)
{
	int r = avcodec_receive_frame(d->ctx, d->frame);
	*averror = r;
	if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
		return JX_NOTHING;
	if (r < 0)
		return JX_DAMAGED;
	return fit(d);
}

// jx_key decodes one key picture alone. A stream with B-frames holds the
// picture back, so the decoder is drained and reset each time; that also
// lets one decoder serve any number of cameras.
int jx_key(jx_decoder *d, const uint8_t *data, int size, int64_t *averror)
{
	int result = jx_send(d, data, size, averror);
	if (result == JX_OK) {
		result = jx_receive(d, averror);
		if (result == JX_NOTHING) {
			avcodec_send_packet(d->ctx, NULL);
			result = jx_receive(d, averror);
		}
	}
	avcodec_flush_buffers(d->ctx);
	return result;
}

int jx_full_range(const jx_decoder *d)
{
	return d->frame->color_range == AVCOL_RANGE_JPEG || d->frame->format == AV_PIX_FMT_YUVJ420P;
}

// jx_copy writes the decoded picture as 8-bit 4:2:0 and lets go of it.
int jx_copy(jx_decoder *d, uint8_t *y, uint8_t *u, uint8_t *v, int ystride, int cstride)
{
	AVFrame *f = d->frame;
	uint8_t *dst[4] = {y, u, v, NULL};
	int stride[4] = {ystride, cstride, cstride, 0};
	int r = JX_OK;
	if (f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVJ420P) {
		av_image_copy(dst, stride, (const uint8_t **)f->data, f->linesize, AV_PIX_FMT_YUV420P, f->width, f->height);
	} else {
		d->convert = sws_getCachedContext(d->convert, f->width, f->height, f->format, f->width, f->height,
			AV_PIX_FMT_YUV420P, SWS_POINT, NULL, NULL, NULL);
		if (!d->convert || sws_scale(d->convert, (const uint8_t *const *)f->data, f->linesize, 0, f->height, dst, stride) < 0)
			r = JX_DAMAGED;
	}
	av_frame_unref(f);
	return r;
}

struct SwsContext *jx_scaler(int sw, int sh, int dw, int dh, int rgb, int full_range)
{
	struct SwsContext *s = sws_getContext(sw, sh, AV_PIX_FMT_YUV420P, dw, dh,
		rgb ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUV420P, SWS_AREA, NULL, NULL, NULL);
	if (s) {
		const int *k = sws_getCoefficients(SWS_CS_ITU601);
		// Between two pictures of one layout the range stays as it is.
		sws_setColorspaceDetails(s, k, full_range, k, rgb ? 1 : full_range, 0, 1 << 16, 1 << 16);
	}
	return s;
}

int jx_scale(struct SwsContext *s, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ystride, int cstride,
	int sh, uint8_t *dy, uint8_t *du, uint8_t *dv, int dystride, int dcstride)
{
	const uint8_t *src[4] = {y, u, v, NULL};
	int sstride[4] = {ystride, cstride, cstride, 0};
	uint8_t *dst[4] = {dy, du, dv, NULL};
	int dstride[4] = {dystride, dcstride, dcstride, 0};
	return sws_scale(s, src, sstride, 0, sh, dst, dstride);
}
