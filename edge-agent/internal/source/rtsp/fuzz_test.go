package rtsp

import (
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"

	"jiexun/edge-agent/internal/source"
)

// FuzzPackets feeds any packets to the intake of a session. The input is a
// row of packets, each preceded by its length.
func FuzzPackets(f *testing.F) {
	head := []byte{0x80, 0xe0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4}
	var seed []byte
	for _, payload := range [][]byte{{0x67, 0x42, 0xc0, 0x1e, 0xd9}, {0x7c, 0x85, 1, 2}, {0x7c, 0x45, 3}, {0x18, 0, 2, 0x65, 1, 0, 1, 9}, {0x40, 1}} {
		p := append(append([]byte(nil), head...), payload...)
		seed = append(append(seed, byte(len(p))), p...)
	}
	f.Add(seed, false)
	f.Add(seed, true)
	f.Fuzz(func(t *testing.T, b []byte, h265 bool) {
		s := New(Options{URL: "rtsp://127.0.0.1/x"})
		s.relay = source.NewRelay(source.Sink{})
		defer s.relay.Close()
		var forma format.Format = &format.H264{PayloadTyp: 96, PacketizationMode: 1}
		if h265 {
			forma = &format.H265{PayloadTyp: 96}
		}
		in := &intake{s: s, fail: make(chan error, 1)}
		desc := &description.Session{Medias: []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{forma}}}}
		if _, err := in.choose(desc); err != nil {
			t.Fatal(err)
		}
		s.begin(desc, in)
		for len(b) > 1 {
			n := min(int(b[0]), len(b)-1)
			var p rtp.Packet
			if p.Unmarshal(b[1:1+n]) == nil {
				in.packet(&p)
			}
			b = b[1+n:]
		}
		if st := s.Stats(); st.Recovered != 0 {
			t.Fatalf("%d panics were caught", st.Recovered)
		}
	})
}
