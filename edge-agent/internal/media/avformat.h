// Reading video files and writing short clips with libavformat.
#ifndef JX_AVFORMAT_H
#define JX_AVFORMAT_H

#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>

typedef struct jx_demuxer {
	AVFormatContext *ctx;
	AVBSFContext *bsf;
	AVPacket *packet;
	int stream;
	int h265;
	double fps;
} jx_demuxer;

jx_demuxer *jx_demux_open(const char *path, int *averror, const char **why);
int jx_demux_next(jx_demuxer *d, int64_t *pts_ns);
void jx_demux_close(jx_demuxer *d);

typedef struct jx_muxer {
	AVFormatContext *ctx;
	AVPacket *packet;
} jx_muxer;

jx_muxer *jx_mux_open(int h265, int w, int h, int fragments, const uint8_t *extradata, int size, int *averror);
int jx_mux_write(jx_muxer *m, const uint8_t *data, int size, int64_t pts_ticks, int64_t dts_ticks, int64_t ticks, int key);
int jx_mux_take(jx_muxer *m, uint8_t **out);
int jx_mux_finish(jx_muxer *m, uint8_t **out);
void jx_mux_close(jx_muxer *m);
// What receiving costs libavformat alone; see jx_bare_receive.
typedef struct jx_received {
	int64_t cpu_ns, packets;
	int averror;
} jx_received;

void jx_bare_receive(const char *url, double seconds, jx_received *out);

#endif
