package hub

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// startHTTPS opens the listener of the boxes' HTTPS interface: enrolment
// without a certificate, everything else with one.
func (s *Service) startHTTPS(tc *tls.Config) error {
	ln, err := net.Listen("tcp", s.o.HTTPS)
	if err != nil {
		return fmt.Errorf("open HTTPS listener for boxes: %w", err)
	}
	tc = tc.Clone()
	tc.ClientAuth = tls.VerifyClientCertIfGiven
	tc.NextProtos = []string{"http/1.1"}
	s.httpLn = ln
	s.httpSrv = &http.Server{
		Handler: s.edgeHandler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	s.done.Go(func() {
		if err := s.httpSrv.Serve(tls.NewListener(ln, tc)); !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("HTTPS for boxes stopped", "err", err)
		}
	})
	return nil
}

func (s *Service) edgeHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /edge/v1/enrol", s.enrol)
	mux.Handle("HEAD /edge/v1/evidence/{sm3}", s.box(s.headEvidence))
	mux.Handle("PATCH /edge/v1/evidence/{sm3}", s.box(s.patchEvidence))
	mux.Handle("GET /edge/v1/blobs/{sm3}", s.box(s.getBlob))
	return mux
}

type boxHandler func(w http.ResponseWriter, r *http.Request, edge string) error

// box asks for the certificate of a box that may connect.
func (s *Service) box(h boxHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			s.m.refuse("noCertificate")
			s.fail(w, r, errs.New(errs.Unauthenticated, "需要边缘盒证书"))
			return
		}
		cert := r.TLS.PeerCertificates[0]
		edge := cert.Subject.CommonName
		if err := s.o.Registry.Admit(r.Context(), edge, serialText(cert.SerialNumber), ""); err != nil {
			s.m.refuse("notAdmitted")
			s.fail(w, r, err)
			return
		}
		if err := h(w, r, edge); err != nil {
			s.fail(w, r, err)
		}
	})
}

// problem is the error body, of the same shape as the console's.
type problem struct {
	Code    errs.Code    `json:"code"`
	Message string       `json:"message"`
	Fields  []errs.Field `json:"fields,omitempty"`
	ID      string       `json:"id"`
}

func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{Code: errs.CodeOf(err), ID: ids.New(), Message: "中心出了问题，请稍后重试"}
	var e *errs.Error
	if errors.As(err, &e) && e.Code != errs.Internal {
		p.Message, p.Fields = e.Message, e.Fields
	}
	level := slog.LevelInfo
	if p.Code == errs.Internal || p.Code == errs.NoSpace {
		level = slog.LevelError
	}
	s.o.Log.Log(r.Context(), level, "box request failed", "method", r.Method, "path", r.URL.Path, "remote", r.RemoteAddr, "id", p.ID, "err", err)
	code := map[errs.Code]int{
		errs.Invalid: 422, errs.Unauthenticated: 401, errs.ForbiddenCode: 403, errs.NotFoundCode: 404, errs.ConflictCode: 409,
		errs.TooMany: 429, errs.TooLarge: 413, errs.Unavailable: 503, errs.NoSpace: 507,
	}[p.Code]
	if code == 0 {
		code = 500
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	if e := json.NewEncoder(w).Encode(p); e != nil {
		s.o.Log.Debug("answer not sent", "err", e)
	}
}

func (s *Service) enrol(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<10))
	if err != nil {
		s.fail(w, r, errs.Wrap(errs.TooLarge, "登记请求太大", err))
		return
	}
	req, err := edgev1.Decode[edgev1.EnrolRequest](body)
	if err != nil {
		s.m.refuse("enrol")
		s.fail(w, r, invalid(err))
		return
	}
	id, err := s.o.Registry.Enrol(r.Context(), req, func(edge string) (string, string, error) { return s.o.CA.Sign(req.CSR, edge) })
	if err != nil {
		s.m.refuse("enrol")
		s.fail(w, r, err)
		return
	}
	s.Disconnect(id.Edge) // a machine that held the place before
	host := s.o.PublicHost
	if host == "" {
		host, _, _ = net.SplitHostPort(r.Host)
		if host == "" {
			host = r.Host
		}
	}
	_, mqttPort, _ := net.SplitHostPort(s.MQTTAddr())
	_, httpsPort, _ := net.SplitHostPort(s.HTTPSAddr())
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	err = json.NewEncoder(w).Encode(edgev1.EnrolResponse{
		Edge: id.Edge, Name: id.Name, Certificate: id.Chain, CA: string(s.o.CA.PEM()),
		MQTT: "tls://" + net.JoinHostPort(host, mqttPort), HTTPS: "https://" + net.JoinHostPort(host, httpsPort),
	})
	if err != nil {
		s.o.Log.Warn("enrolment answer not sent", "box", id.Edge, "err", err)
	}
}

func invalid(err error) error {
	var f *edgev1.FieldError
	if errors.As(err, &f) {
		return errs.Invalidf(f.Field, "%s", f.Message)
	}
	return errs.Wrap(errs.Invalid, "内容有误", err)
}

// uploads keeps two requests from adding to one file at the same time.
type uploads struct {
	mu   sync.Mutex
	busy map[string]bool
}

func (u *uploads) enter(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy[key] {
		return false
	}
	u.busy[key] = true
	return true
}

func (u *uploads) leave(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.busy, key)
}

func (s *Service) headEvidence(w http.ResponseWriter, r *http.Request, edge string) error {
	digest := r.PathValue("sm3")
	ref, err := s.o.Blobs.Stat(r.Context(), digest)
	if err == nil {
		w.Header().Set("Content-Length", strconv.FormatInt(ref.Size, 10))
		w.WriteHeader(http.StatusOK)
		return nil
	}
	if !errs.Is(err, errs.NotFoundCode) {
		return err
	}
	n, err := s.o.Blobs.Partial(edge, digest)
	if err != nil {
		return err
	}
	if n == 0 {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(n, 10))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) patchEvidence(w http.ResponseWriter, r *http.Request, edge string) error {
	digest := r.PathValue("sm3")
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 {
		return errs.Invalidf("Upload-Offset", "缺少 Upload-Offset 或不是数字")
	}
	total, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || total < 1 || total < offset {
		return errs.Invalidf("Upload-Length", "缺少 Upload-Length 或不是有效的长度")
	}
	if total > edgev1.MaxEvidenceKB<<10 {
		s.m.refuse("evidenceTooLarge")
		return errs.New(errs.TooLarge, "证据文件 %d 字节，上限是 %d", total, edgev1.MaxEvidenceKB<<10)
	}
	mt := r.Header.Get("Content-Type")
	if !slices.Contains([]string{"image/jpeg", "image/png", "image/webp", "video/mp4"}, mt) {
		s.m.refuse("evidenceType")
		return errs.Invalidf("Content-Type", "不支持的证据类型 %.60q", mt)
	}
	if s.o.Blobs.Has(r.Context(), digest) {
		w.Header().Set("Upload-Offset", strconv.FormatInt(total, 10))
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if !s.uploads.enter(edge + digest) {
		return errs.Conflict("同一文件正在上传")
	}
	defer s.uploads.leave(edge + digest)
	// The request's context ends when the line breaks; what came so far stays.
	n, whole, err := s.o.Blobs.Append(context.WithoutCancel(r.Context()), edge, digest, mt, offset, total, r.Body)
	s.m.evidence.Add(float64(max(n-offset, 0)))
	var at *blob.ErrOffset
	switch {
	case errors.As(err, &at):
		w.Header().Set("Upload-Offset", strconv.FormatInt(at.Offset, 10))
		return errs.Conflict(fmt.Sprintf("续传位置不对，应从 %d 继续", at.Offset))
	case errs.Is(err, errs.Invalid):
		s.m.refuse("evidenceDigest")
		return err
	case errs.Is(err, errs.NoSpace):
		s.m.refuse("diskFull")
		return err
	case err != nil:
		return err
	}
	if whole {
		s.o.Log.Debug("evidence stored", "box", edge, "sm3", digest, "bytes", total)
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(n, 10))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) getBlob(w http.ResponseWriter, r *http.Request, edge string) error {
	digest := r.PathValue("sm3")
	if !s.mayFetch(edge, digest) {
		return errs.NotFound("文件")
	}
	f, ref, err := s.o.Blobs.Open(r.Context(), digest)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", ref.MediaType)
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

func requestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 5*time.Second)
}
