package link

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/edgev1"
)

// Upload is one evidence file that the center has not confirmed.
type Upload struct {
	SM3       string
	Size      int64
	MediaType string
}

// Evidence is the store whose files the link brings to the center.
type Evidence interface {
	// NextUpload returns a waiting file that is not in skip.
	NextUpload(skip map[string]bool) (Upload, bool, error)
	Open(sm3 string) (io.ReadSeekCloser, error)
	Uploaded(sm3 string) error
	// Want puts files back among the waiting; unknown ones are ignored.
	Want(sm3s []string) error
}

const chunkBytes = 1 << 20

var errRefused = errors.New("center refused the file")

// runUploads brings evidence up, one file at a time, oldest first. A file
// that the center refuses is set behind the others and tried again later.
func (l *Link) runUploads(ctx context.Context) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: l.o.Identity.TLS.Clone(), IdleConnTimeout: 30 * time.Second}}
	defer client.CloseIdleConnections()
	wait := time.Second
	skip := map[string]bool{}
	for {
		u, ok, err := l.o.Evidence.NextUpload(skip)
		if err == nil && ok {
			err = l.uploadOne(ctx, client, u)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && ok:
			wait = time.Second
			l.counters.Uploads.Add(1)
			l.uploadedAt.Store(time.Now().UnixMilli())
			continue
		case errors.Is(err, errRefused):
			skip[u.SM3] = true
			l.counters.UploadErrors.Add(1)
			l.o.Log.Error("evidence refused", "sm3", u.SM3, "error", err)
			continue
		case err != nil:
			l.counters.UploadErrors.Add(1)
			l.o.Log.Warn("evidence upload", "sm3", u.SM3, "error", err, "nextTry", wait)
			wait = min(wait*2, 30*time.Second)
		default:
			wait = 30 * time.Second
			clear(skip)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.upload:
			wait = time.Second
		case <-time.After(wait):
		}
	}
}

func (l *Link) uploadOne(ctx context.Context, client *http.Client, u Upload) error {
	url := l.o.Identity.HTTPS + "/edge/v1/evidence/" + u.SM3
	offset, whole, err := l.offset(ctx, client, url)
	if err != nil {
		return err
	}
	if !whole {
		f, err := l.o.Evidence.Open(u.SM3)
		if err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		defer f.Close()
		if err := l.chunks(ctx, client, url, f, offset, u); err != nil {
			return err
		}
	}
	return l.o.Evidence.Uploaded(u.SM3)
}

// chunks sends a file from offset on: not until all bytes are there but until
// the center has checked them. One that ended in between keeps a full partial
// file, and takes it over when it is asked to go on at the end.
func (l *Link) chunks(ctx context.Context, client *http.Client, url string, f io.ReadSeeker, offset int64, u Upload) error {
	for whole := false; !whole; {
		var err error
		if offset, whole, err = l.chunk(ctx, client, url, f, offset, u); err != nil {
			return err
		}
	}
	return nil
}

// Bring sends a file to the center at once, past what waits, and comes back
// when the center holds it. The box keeps nothing of it.
func (l *Link) Bring(ctx context.Context, data []byte, mediaType string) (digest string, err error) {
	sum := sm3.Sum(data)
	u := Upload{SM3: hex.EncodeToString(sum[:]), Size: int64(len(data)), MediaType: mediaType}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: l.o.Identity.TLS.Clone()}}
	defer client.CloseIdleConnections()
	url := l.o.Identity.HTTPS + "/edge/v1/evidence/" + u.SM3
	offset, whole, err := l.offset(ctx, client, url)
	if err != nil || whole {
		return u.SM3, err
	}
	return u.SM3, l.chunks(ctx, client, url, bytes.NewReader(data), offset, u)
}

// offset asks how much of the file the center holds.
func (l *Link) offset(ctx context.Context, client *http.Client, url string) (int64, bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return 0, false, fmt.Errorf("ask for evidence offset: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, false, fmt.Errorf("ask for evidence offset: %w", err)
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, true, nil
	case http.StatusNotFound:
		return 0, false, nil
	case http.StatusNoContent:
		n, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
		if err != nil || n < 0 {
			return 0, false, fmt.Errorf("center answered with a bad Upload-Offset %q", resp.Header.Get("Upload-Offset"))
		}
		return n, false, nil
	}
	return 0, false, fmt.Errorf("ask for evidence offset: HTTP %d", resp.StatusCode)
}

// chunk sends the next bytes, none when only the check is left. It tells
// where the file goes on and whether the center has taken it whole.
func (l *Link) chunk(ctx context.Context, client *http.Client, url string, f io.ReadSeeker, offset int64, u Upload) (next int64, whole bool, err error) {
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return 0, false, fmt.Errorf("%w: seek: %w", errRefused, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, min(chunkBytes, u.Size-offset)))
	if err != nil || len(b) == 0 && offset != u.Size {
		return 0, false, fmt.Errorf("%w: the file is shorter than %d bytes", errRefused, u.Size)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader(b))
	if err != nil {
		return 0, false, fmt.Errorf("send evidence: %w", err)
	}
	req.Header.Set("Content-Type", u.MediaType)
	req.Header.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	req.Header.Set("Upload-Length", strconv.FormatInt(u.Size, 10))
	resp, err := client.Do(req)
	if err != nil {
		return 0, false, fmt.Errorf("send evidence: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNoContent, http.StatusOK, http.StatusCreated:
		next, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
		if err != nil || next < offset || next == offset && len(b) > 0 || next > u.Size {
			return 0, false, fmt.Errorf("center answered with a bad Upload-Offset %q", resp.Header.Get("Upload-Offset"))
		}
		return next, next == u.Size, nil
	case http.StatusConflict:
		n, done, err := l.offset(ctx, client, url)
		if err == nil && !done && n == offset {
			err = errors.New("send evidence: the center is busy with the file")
		}
		return n, done, err
	case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return 0, false, fmt.Errorf("%w: %s", errRefused, message(resp))
	}
	return 0, false, fmt.Errorf("send evidence: %s", message(resp))
}

func message(resp *http.Response) string {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	var e struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(b, &e) == nil && e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("HTTP %d", resp.StatusCode)
}

// Fetch gets a file that the configuration names (a sign reference) and
// checks its digest.
func (l *Link) Fetch(ctx context.Context, digest string) ([]byte, error) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: l.o.Identity.TLS.Clone()}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.o.Identity.HTTPS+"/edge/v1/blobs/"+digest, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", digest, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", digest, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: %s", digest, message(resp))
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, edgev1.MaxEvidenceKB<<10))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", digest, err)
	}
	if sum := sm3.Sum(b); hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("fetch %s: the digest does not match", digest)
	}
	return b, nil
}
