package rtspcam

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// PathInfo describes a path to people and scripts.
type PathInfo struct {
	Path     string  `json:"path"`
	URL      string  `json:"url"`
	Codec    string  `json:"codec"`
	Width    int     `json:"width"`
	Height   int     `json:"height"`
	FPS      float64 `json:"fps"`
	LoopS    float64 `json:"loopS"`
	Position float64 `json:"positionS"`
	// Epoch is when the camera began to play, RFC 3339, empty before.
	Epoch     string  `json:"epoch,omitempty"`
	Fault     Fault   `json:"fault,omitempty"`
	FaultLeft float64 `json:"faultLeftS,omitempty"`
	Packets   int64   `json:"packets"`
	Dropped   int64   `json:"dropped"`
	Corrupted int64   `json:"corrupted"`
}

// Info lists the paths and what they do now.
func (s *Server) Info() []PathInfo {
	out := make([]PathInfo, 0, len(s.names))
	for _, n := range s.names {
		p := s.paths[n]
		i := PathInfo{
			Path: n, URL: "rtsp://" + s.addr + "/" + n, Codec: string(p.clip.Codec),
			Width: p.clip.Width, Height: p.clip.Height, FPS: p.clip.FPS,
			LoopS: p.clip.Duration.Seconds(), Position: p.loopPosition().Seconds(),
			Packets: p.stats.Packets.Load(), Dropped: p.stats.Dropped.Load(), Corrupted: p.stats.Corrupted.Load(),
		}
		if e, ok := s.Epoch(n); ok {
			i.Epoch = e.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		p.mu.Lock()
		i.Fault = p.spec.Kind
		if !p.until.IsZero() {
			i.FaultLeft = max(0, time.Until(p.until).Seconds())
		}
		p.mu.Unlock()
		out = append(out, i)
	}
	return out
}

// Control is the HTTP interface: GET /paths, POST /paths/{path}/fault,
// DELETE /paths/{path}/fault. It has no protection of its own and belongs on
// the loopback address.
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /paths", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Info())
	})
	mux.HandleFunc("POST /paths/{rest...}", s.postFault)
	mux.HandleFunc("DELETE /paths/{rest...}", func(w http.ResponseWriter, r *http.Request) {
		s.raise(w, r, FaultSpec{Kind: FaultNone})
	})
	return mux
}

func (s *Server) postFault(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4096))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, problem{"the request is larger than 4096 bytes"})
		return
	}
	spec, err := ParseFault(body)
	if err != nil {
		answer(w, http.StatusBadRequest, problem{err.Error()})
		return
	}
	s.raise(w, r, spec)
}

type problem struct {
	Error string `json:"error"`
}

func (s *Server) raise(w http.ResponseWriter, r *http.Request, spec FaultSpec) {
	name, ok := strings.CutSuffix(r.PathValue("rest"), "/fault")
	if !ok {
		answer(w, http.StatusNotFound, problem{"unknown address; use /paths/{path}/fault"})
		return
	}
	switch err := s.Raise(r.Context(), name, spec); {
	case errors.Is(err, ErrNoPath):
		answer(w, http.StatusNotFound, problem{err.Error()})
	case err != nil:
		answer(w, http.StatusInternalServerError, problem{err.Error()})
	default:
		answer(w, http.StatusOK, spec)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The connection is gone when this fails; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(v)
}
