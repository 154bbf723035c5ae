package main

import (
	"fmt"
	"net"
	"strings"
)

// ports of one installation, all on the loopback address.
type ports struct {
	HTTP, Edge, MQTT             int
	RTSP, HLS, WebRTC, ICE, API  int
	Camera, CameraControl, Local int
}

func (p *ports) all() []*int {
	return []*int{&p.HTTP, &p.Edge, &p.MQTT, &p.RTSP, &p.HLS, &p.WebRTC, &p.ICE, &p.API, &p.Camera, &p.CameraControl, &p.Local}
}

// choosePorts gives the usual ports, after a look that nobody holds them, or
// free ones.
func choosePorts(free bool) (ports, error) {
	p := ports{HTTP: 8080, Edge: 8443, MQTT: 8883, RTSP: 8554, HLS: 8888, WebRTC: 8889, ICE: 8189, API: 9997, Camera: 8654, CameraControl: 8655, Local: 8070}
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	var busy []string
	for _, port := range p.all() {
		want := *port
		if free {
			want = 0
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", want))
		if err != nil {
			busy = append(busy, fmt.Sprint(want))
			continue
		}
		held = append(held, l)
		*port = l.Addr().(*net.TCPAddr).Port
	}
	if len(busy) > 0 {
		return p, fmt.Errorf("port %s on 127.0.0.1 is in use: end the program that holds it (another demo?) and start again", strings.Join(busy, ", "))
	}
	return p, nil
}
