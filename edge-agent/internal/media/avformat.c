#include "avformat.h"

#include <time.h>
#include <libavutil/time.h>

jx_demuxer *jx_demux_open(const char *path, int *averror, const char **why)
{
	jx_demuxer *d = av_mallocz(sizeof(*d));
	const AVBitStreamFilter *f;
	AVStream *st;
	*why = "no memory";
	*averror = AVERROR(ENOMEM);
	if (!d || !(d->packet = av_packet_alloc()))
		goto fail;
	*why = "open file";
	if ((*averror = avformat_open_input(&d->ctx, path, NULL, NULL)) < 0)
		goto fail;
	*why = "read stream headers";
	if ((*averror = avformat_find_stream_info(d->ctx, NULL)) < 0)
		goto fail;
	*why = "find a video track";
	if ((*averror = d->stream = av_find_best_stream(d->ctx, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0)) < 0)
		goto fail;
	st = d->ctx->streams[d->stream];
	*why = "find H.264 or H.265 video (convert the file first)";
	*averror = AVERROR(EINVAL);
	if (st->codecpar->codec_id == AV_CODEC_ID_HEVC)
		d->h265 = 1;
	else if (st->codecpar->codec_id != AV_CODEC_ID_H264)
		goto fail;
	if (st->avg_frame_rate.num > 0 && st->avg_frame_rate.den > 0)
		d->fps = av_q2d(st->avg_frame_rate);
	*why = "prepare the byte-stream filter";
	f = av_bsf_get_by_name(d->h265 ? "hevc_mp4toannexb" : "h264_mp4toannexb");
	if (!f || (*averror = av_bsf_alloc(f, &d->bsf)) < 0)
		goto fail;
	if ((*averror = avcodec_parameters_copy(d->bsf->par_in, st->codecpar)) < 0)
		goto fail;
	d->bsf->time_base_in = st->time_base;
	if ((*averror = av_bsf_init(d->bsf)) < 0)
		goto fail;
	return d;
fail:
	jx_demux_close(d);
	return NULL;
}

// jx_demux_next leaves the next picture's bytes in the packet; 1 at the end.
int jx_demux_next(jx_demuxer *d, int64_t *pts_ns)
{
	int r;
	for (;;) {
		av_packet_unref(d->packet);
		r = av_bsf_receive_packet(d->bsf, d->packet);
		if (r == 0)
			break;
		if (r == AVERROR_EOF)
			return 1;
		if (r != AVERROR(EAGAIN))
			return r;
		r = av_read_frame(d->ctx, d->packet);
		if (r < 0) {
			av_bsf_send_packet(d->bsf, NULL);
			continue;
		}
		if (d->packet->stream_index != d->stream)
			continue;
		if ((r = av_bsf_send_packet(d->bsf, d->packet)) < 0)
			return r;
	}
	*pts_ns = d->packet->pts == AV_NOPTS_VALUE ? INT64_MIN :
		av_rescale_q(d->packet->pts, d->ctx->streams[d->stream]->time_base, (AVRational){1, 1000000000});
	return 0;
}

void jx_demux_close(jx_demuxer *d)
{
	if (!d)
		return;
	av_bsf_free(&d->bsf);
	av_packet_free(&d->packet);
	avformat_close_input(&d->ctx);
	av_free(d);
}

jx_muxer *jx_mux_open(int h265, int w, int h, int fragments, const uint8_t *extradata, int size, int *averror)
{
	jx_muxer *m = av_mallocz(sizeof(*m));
	AVDictionary *opts = NULL;
	AVStream *st;
	*averror = AVERROR(ENOMEM);
	if (!m || !(m->packet = av_packet_alloc()))
		goto fail;
	if ((*averror = avformat_alloc_output_context2(&m->ctx, NULL, "mp4", NULL)) < 0)
		goto fail;
	if ((*averror = avio_open_dyn_buf(&m->ctx->pb)) < 0)
		goto fail;
	*averror = AVERROR(ENOMEM);
	if (!(st = avformat_new_stream(m->ctx, NULL)))
		goto fail;
	st->time_base = (AVRational){1, 90000};
	st->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
	st->codecpar->codec_id = h265 ? AV_CODEC_ID_HEVC : AV_CODEC_ID_H264;
	st->codecpar->codec_tag = h265 ? MKTAG('h', 'v', 'c', '1') : 0;
	st->codecpar->width = w;
	st->codecpar->height = h;
	if (!(st->codecpar->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE)))
		goto fail;
	memcpy(st->codecpar->extradata, extradata, size);
	st->codecpar->extradata_size = size;
	// A file of fragments is whole after each of them, whatever follows.
	if (fragments)
		av_dict_set(&opts, "movflags", "frag_custom+empty_moov+default_base_moof", 0);
	*averror = avformat_write_header(m->ctx, &opts);
	av_dict_free(&opts);
	if (*averror < 0)
		goto fail;
	return m;
fail:
	jx_mux_close(m);
	return NULL;
}

int jx_mux_write(jx_muxer *m, const uint8_t *data, int size, int64_t pts_ticks, int64_t dts_ticks, int64_t ticks, int key)
{
	int r = av_new_packet(m->packet, size);
	if (r < 0)
		return r;
	memcpy(m->packet->data, data, size);
	m->packet->stream_index = 0;
	m->packet->pts = av_rescale_q(pts_ticks, (AVRational){1, 90000}, m->ctx->streams[0]->time_base);
	m->packet->dts = av_rescale_q(dts_ticks, (AVRational){1, 90000}, m->ctx->streams[0]->time_base);
	m->packet->duration = av_rescale_q(ticks, (AVRational){1, 90000}, m->ctx->streams[0]->time_base);
	m->packet->flags = key ? AV_PKT_FLAG_KEY : 0;
	r = av_write_frame(m->ctx, m->packet);
	av_packet_unref(m->packet);
	return r;
}

// jx_mux_take ends a fragment and gives what was written since the last call,
// to be freed with av_free.
int jx_mux_take(jx_muxer *m, uint8_t **out)
{
	int r = av_write_frame(m->ctx, NULL), n;
	if (r < 0)
		return r;
	n = avio_close_dyn_buf(m->ctx->pb, out);
	m->ctx->pb = NULL;
	if (n < 0)
		return n;
	r = avio_open_dyn_buf(&m->ctx->pb);
	return r < 0 ? r : n;
}

// jx_mux_finish gives the whole file, to be freed with av_free.
int jx_mux_finish(jx_muxer *m, uint8_t **out)
{
	int r = av_write_trailer(m->ctx);
	if (r < 0)
		return r;
	r = avio_close_dyn_buf(m->ctx->pb, out);
	m->ctx->pb = NULL;
	return r;
}

void jx_mux_close(jx_muxer *m)
{
	uint8_t *rest = NULL;
	if (!m)
		return;
	if (m->ctx && m->ctx->pb) {
		avio_close_dyn_buf(m->ctx->pb, &rest);
		av_free(rest);
	}
	avformat_free_context(m->ctx);
	av_packet_free(&m->packet);
	av_free(m);
}

static int64_t thread_cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// jx_bare_receive reads an RTSP stream over TCP for some seconds and drops its
// packets; the cost is that of this thread from the first packet on.
void jx_bare_receive(const char *url, double seconds, jx_received *out)
{
	AVFormatContext *ctx = NULL;
	AVDictionary *opts = NULL;
	AVPacket *p = av_packet_alloc();
	int64_t cpu = 0, until = 0;
	memset(out, 0, sizeof(*out));
	out->averror = AVERROR(ENOMEM);
	if (!p)
		return;
	av_dict_set(&opts, "rtsp_transport", "tcp", 0);
	av_dict_set(&opts, "timeout", "5000000", 0);
	out->averror = avformat_open_input(&ctx, url, NULL, &opts);
	av_dict_free(&opts);
	while (out->averror >= 0 && (out->averror = av_read_frame(ctx, p)) >= 0) {
		av_packet_unref(p);
		if (!until) {
			cpu = thread_cpu();
			until = av_gettime_relative() + (int64_t)(seconds * 1e6);
			continue;
		}
		out->packets++;
		if (av_gettime_relative() >= until)
			break;
	}
	out->cpu_ns = thread_cpu() - cpu;
	avformat_close_input(&ctx);
	av_packet_free(&p);
}
