package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// mediaConfig is MediaMTX's configuration: it takes streams from boxes and
// gives them to viewers, and asks the center about each.
func mediaConfig(p ports) string {
	return fmt.Sprintf(`logLevel: info
authMethod: http
authHTTPAddress: http://127.0.0.1:%d/internal/media/auth
authHTTPExclude:
  - action: api
  - action: metrics
api: yes
apiAddress: 127.0.0.1:%d
rtsp: yes
rtspTransports: [tcp]
rtspAddress: 127.0.0.1:%d
hls: yes
hlsAddress: 127.0.0.1:%d
hlsVariant: fmp4
hlsSegmentDuration: 1s
hlsAllowOrigins: ['*']
webrtc: yes
webrtcAddress: 127.0.0.1:%d
webrtcAllowOrigins: ['*']
webrtcLocalUDPAddress: 127.0.0.1:%d
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [127.0.0.1]
rtmp: no
moq: no
srt: no
paths:
  all_others:
`, p.HTTP, p.API, p.RTSP, p.HLS, p.WebRTC, p.ICE)
}

func (s *stack) banner(took time.Duration) {
	s.say(`
街巡 Jiexun is ready (%.0f s).

  console   %s          password of every account: Jiexun@2026
  phone     %s/m/       the officer's pages, at a phone's width
  box page  http://%s

  caozuo    研判员  watch 预警研判: J/K move, Enter confirms, X rejects
  paidan    派单员  dispatches orders of 黄浦区 to squads
  zhongdui  中队长  assigns orders to officers, reviews
  duiyuan   队员    handles orders on the phone
  fazhi     法制审核员   yunwei 区局运维 (cameras, zones, boxes)
  xitong    系统管理员   anquan 安全管理员   shenji 审计管理员

  Within three minutes: a thing is put down on the pavement (占道堆物), a shop
  pushes goods outside its door (跨门经营), a sign plate is replaced (店招变更).
  Logs: %s. Ctrl-C ends everything.
`, took.Seconds(), s.url(), s.url(), addr(s.p.Local), s.data("logs"))
}

// writeReady leaves the addresses for a program that waits for them.
func (s *stack) writeReady() error {
	if s.o.Ready == "" {
		return nil
	}
	b, err := json.Marshal(map[string]string{
		"console": s.url(), "box": "http://" + addr(s.p.Local), "cameras": "http://" + addr(s.p.CameraControl),
	})
	if err == nil {
		err = os.WriteFile(s.o.Ready+".new", b, 0o644)
	}
	if err == nil {
		err = os.Rename(s.o.Ready+".new", s.o.Ready)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", s.o.Ready, err)
	}
	return nil
}
