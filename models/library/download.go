package library

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
)

// StatusError says that a server answered with another status than one of
// success.
type StatusError struct {
	URL    string
	Status string // such as "404 Not Found"
	Code   int

	retryAfter time.Duration
}

func (e *StatusError) Error() string { return fmt.Sprintf("%s: the server says %s", e.URL, e.Status) }

// KeptError says that a download did not come to its end, and what there is of
// it: the same Install resumes there.
type KeptError struct {
	URL         string
	Path        string // of the part
	Done, Total int64  // bytes; Total is -1 if it is not known
	Err         error
}

func (e *KeptError) Error() string {
	of := ""
	if e.Total >= 0 {
		of = fmt.Sprintf(" of %d", e.Total)
	}
	return fmt.Sprintf("%s: %v; %d%s bytes are kept in %s", e.URL, e.Err, e.Done, of, e.Path)
}

func (e *KeptError) Unwrap() error { return e.Err }

const (
	maxRedirects = 10
	maxFailures  = 6                // in a row that brought nothing new
	maxPause     = 60 * time.Second // between two of them
)

// network is how a download speaks to servers.
type network struct {
	client *http.Client
	pause  time.Duration // after the first failure; twice as long after each
	stall  time.Duration // without a byte: the connection counts as broken
}

var errRedirects = fmt.Errorf("it redirects more than %d times", maxRedirects)

// newNetwork uses the proxies of the environment (HTTPS_PROXY, NO_PROXY).
func newNetwork() *network {
	return &network{
		client: &http.Client{
			Transport: &http.Transport{
				Proxy:                 http.ProxyFromEnvironment,
				DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
				TLSHandshakeTimeout:   30 * time.Second,
				ResponseHeaderTimeout: 60 * time.Second,
				DisableCompression:    true, // bytes are counted as they lie on the server
				ForceAttemptHTTP2:     true,
			},
			CheckRedirect: func(_ *http.Request, via []*http.Request) error {
				if len(via) > maxRedirects {
					return errRedirects
				}
				return nil
			},
		},
		pause: 500 * time.Millisecond,
		stall: 60 * time.Second,
	}
}

// permanentError is one that another try does not mend.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// download gets one URL into a part.
type download struct {
	*network
	url      *url.URL
	part     *draft.Part
	path     string // of the part; its record is beside it
	limit    int64
	progress func(done, total int64)
	note     func(string)

	record  record
	resumed bool // bytes came together that nobody has said belong together
}

// record is what is known of the file that a part is of.
type record struct {
	URL      string `json:"url"` // without a password
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"last_modified,omitempty"`
	Length   int64  `json:"length"` // -1: not known
}

// validator returns what makes sure that two answers are pieces of one file,
// for the header If-Range; "" if there is nothing (RFC 9110, section 13.1.5).
func (r *record) validator() string {
	if r.ETag != "" && !strings.HasPrefix(r.ETag, "W/") {
		return r.ETag
	}
	return r.Modified
}

// partName is the name of the part of a URL.
func partName(u *url.URL) string {
	digest := sha256.Sum256([]byte(u.String()))
	return "onnxruntime-" + hex.EncodeToString(digest[:6]) + ".part"
}

// begin opens the part of a URL in a folder. What an earlier process has left
// of it is taken up.
func begin(n *network, u *url.URL, dir string) (*download, error) {
	d := &download{network: n, url: u, path: filepath.Join(dir, partName(u))}
	part, err := draft.OpenPart(d.path)
	if errors.Is(err, draft.ErrHeld) {
		return nil, fmt.Errorf("%s: another headstart downloads it right now", d.path)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	d.part = part
	text, err := draft.ReadRegular(d.recordPath())
	if err != nil || json.Unmarshal(text, &d.record) != nil {
		if err := part.Empty(); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", d.path, err), part.Close())
		}
	}
	d.resumed = part.Size() > 0
	return d, nil
}

func (d *download) recordPath() string { return d.path + ".json" }

// remove leaves nothing of the download.
func (d *download) remove() error {
	err := os.Remove(d.recordPath())
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(d.part.Remove(), err)
}

// run downloads until the part is whole. Broken connections are resumed as long
// as each brings something new.
func (d *download) run(ctx context.Context) error {
	furthest, failures := d.part.Size(), 0
	if furthest > 0 && furthest == d.record.Length {
		return nil
	}
	for {
		err := d.once(ctx)
		if err == nil {
			return nil
		}
		if p, ok := errors.AsType[permanentError](err); ok {
			return d.kept(plainly(p.error, d.url))
		}
		if ctx.Err() != nil {
			return d.kept(ctx.Err())
		}
		if now := d.part.Size(); now > furthest {
			furthest, failures = now, 0
			continue
		}
		if failures++; failures == maxFailures {
			return d.kept(fmt.Errorf("given up after %d tries: %w", failures, plainly(err, d.url)))
		}
		pause := d.pause << (failures - 1)
		if s, ok := errors.AsType[*StatusError](err); ok {
			pause = max(pause, s.retryAfter)
		}
		pause = min(pause, maxPause)
		d.note(fmt.Sprintf("%v; trying again in %v", err, pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return d.kept(ctx.Err())
		}
	}
}

// kept says what there is, or removes the part where there is nothing.
func (d *download) kept(err error) error {
	if d.part.Size() == 0 || errors.Is(err, errTooLarge) {
		return errors.Join(fmt.Errorf("%s: %w", d.url.Redacted(), err), d.remove())
	}
	if e := d.part.Close(); e != nil {
		return errors.Join(err, e)
	}
	return &KeptError{URL: d.url.Redacted(), Path: d.path, Done: d.part.Size(), Total: d.record.Length, Err: err}
}

// plainly strips the URL from an error, which is named once.
func plainly(err error, u *url.URL) error {
	if s, ok := errors.AsType[*StatusError](err); ok && s.URL == u.Redacted() {
		return &bareStatus{s}
	}
	return err
}

// bareStatus is a StatusError whose URL stands before it.
type bareStatus struct{ *StatusError }

func (e *bareStatus) Error() string { return "the server says " + e.Status }
func (e *bareStatus) Unwrap() error { return e.StatusError }

// once makes one request for what is missing and takes what comes.
func (d *download) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return permanentError{err}
	}
	request.Header.Set("User-Agent", "headstart")
	have := d.part.Size()
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if v := d.record.validator(); v != "" {
			request.Header.Set("If-Range", v)
		}
	}
	response, err := d.client.Do(request)
	if err != nil {
		return d.explained(err)
	}
	defer response.Body.Close()
	if err := d.fits(response, have); err != nil {
		return err
	}

	// A connection that is silent for long is broken.
	stalled := time.AfterFunc(d.stall, func() {
		cancel(fmt.Errorf("nothing came for %v", d.stall))
	})
	defer stalled.Stop()
	buffer := make([]byte, 128<<10)
	for {
		n, err := response.Body.Read(buffer)
		if n > 0 {
			stalled.Reset(d.stall)
			if d.part.Size()+int64(n) > d.limit {
				return permanentError{fmt.Errorf("more than %d bytes came: %w", d.limit, errTooLarge)}
			}
			if _, err := d.part.Write(buffer[:n]); err != nil {
				return permanentError{fmt.Errorf("%s: %w", d.path, err)}
			}
			d.progress(d.part.Size(), d.record.Length)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
	}
	if d.record.Length >= 0 && d.part.Size() != d.record.Length {
		return fmt.Errorf("%d of %d bytes came", d.part.Size(), d.record.Length)
	}
	return nil
}

// explained tells apart what another try may mend and what it does not.
func (d *download) explained(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the URL is named elsewhere
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	if errors.Is(err, errRedirects) || certificate || isDNS && dns.IsNotFound || strings.Contains(err.Error(), "unsupported protocol scheme") {
		return permanentError{err}
	}
	return err
}

// fits looks at an answer to a request for what follows the first have bytes,
// and brings part and record in line with it.
func (d *download) fits(r *http.Response, have int64) error {
	switch r.StatusCode {
	case http.StatusOK:
		// The server knows no ranges, or has another file now.
		if have > 0 {
			if err := d.part.Empty(); err != nil {
				return permanentError{fmt.Errorf("%s: %w", d.path, err)}
			}
			d.resumed = false
		}
		d.record = record{URL: d.url.Redacted(), ETag: r.Header.Get("ETag"), Modified: r.Header.Get("Last-Modified"), Length: r.ContentLength}
		if r.ContentLength > d.limit {
			return permanentError{fmt.Errorf("it has %d bytes: %w", r.ContentLength, errTooLarge)}
		}
		text, err := json.Marshal(&d.record)
		if err == nil {
			err = draft.Write(d.recordPath(), append(text, '\n'))
		}
		if err != nil {
			return permanentError{fmt.Errorf("%s: %w", d.recordPath(), err)}
		}
		return nil
	case http.StatusPartialContent:
		from, total, ok := contentRange(r.Header.Get("Content-Range"))
		etag := r.Header.Get("ETag")
		if !ok || from != have || d.record.Length >= 0 && total >= 0 && total != d.record.Length || etag != "" && d.record.ETag != "" && etag != d.record.ETag {
			return d.again("the server sent another piece than was asked for")
		}
		if d.record.validator() == "" {
			d.resumed = true
		}
		if d.record.Length < 0 {
			d.record.Length = total
		}
		return nil
	case http.StatusRequestedRangeNotSatisfiable:
		return d.again("the server has no more bytes than there are here, but they are not all")
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return d.status(r)
	}
	return permanentError{d.status(r)}
}

// again forgets what there is, so that the next request is for the whole file.
func (d *download) again(why string) error {
	if err := d.part.Empty(); err != nil {
		return permanentError{fmt.Errorf("%s: %w", d.path, err)}
	}
	d.resumed = false
	return errors.New(why)
}

func (d *download) status(r *http.Response) *StatusError {
	e := &StatusError{URL: r.Request.URL.Redacted(), Status: r.Status, Code: r.StatusCode}
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s > 0 {
		e.retryAfter = min(time.Duration(s)*time.Second, maxPause)
	}
	return e
}

// contentRange reads the header of RFC 9110, section 14.4: "bytes 10-19/20";
// total is -1 for "*".
func contentRange(s string) (from, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	piece, whole, ok2 := strings.Cut(s, "/")
	first, last, ok3 := strings.Cut(piece, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	if !ok || !ok2 || !ok3 || err != nil || err2 != nil || from < 0 || to < from {
		return 0, 0, false
	}
	if whole == "*" {
		return from, -1, true
	}
	total, err = strconv.ParseInt(whole, 10, 64)
	return from, total, err == nil && total > to
}
