package gdprapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/genesys/voicemail/examples/internal/auth"
	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/gdpr"
)

// Controllers returns the Controller of a contact center; [ErrNoContactCenter] if the service has none of that ID.
type Controllers func(ctx context.Context, contactCenter string) (*gdpr.Controller, error)

// ErrNoContactCenter is answered as forbidden, so that nobody learns which ones there are.
var ErrNoContactCenter = errors.New("the service has no such contact center")

// maxList bounds the lists of cases and receipts in one answer.
const maxList = 1000

// NewHandler returns the handler of everything below [Base]. The context of each request has an [auth.Principal], which [auth.Require] puts there; it must be an officer, and act for its own
// contact centers. What goes wrong in the service is logged without anything of the request but its operation; a nil logger is silent.
func NewHandler(controllers Controllers, logger *slog.Logger) http.Handler {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{controllers: controllers, logger: logger}
	mux := http.NewServeMux()
	allowed := map[string]string{}
	for _, r := range h.routes() {
		mux.Handle(r.method+" "+r.path, h.serve(r.serve))
		allowed[r.path] = r.method
	}
	for path, method := range allowed {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", method)
			problem.Write(w, problem.New(http.StatusMethodNotAllowed, "method-not-allowed", "This is done by another method", method))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, problem.New(http.StatusNotFound, problem.NotFound, "There is nothing here", ""))
	})
	return mux
}

type handler struct {
	controllers Controllers
	logger      *slog.Logger
}

type route struct {
	method, path string
	serve        func(http.ResponseWriter, *http.Request) error
}

func (h *handler) routes() []route {
	return []route{
		{http.MethodPost, Base + "/" + string(Forget), h.report(Forget, (*gdpr.Controller).ForgetMe)},
		{http.MethodPost, Base + "/" + string(Undo), h.report(Undo, (*gdpr.Controller).UndoForgetMe)},
		{http.MethodPost, Base + "/" + string(Preview), h.report(Preview, (*gdpr.Controller).Preview)},
		{http.MethodPost, Base + "/" + string(Export), h.export},
		{http.MethodGet, Base + "/cases", h.cases},
		{http.MethodGet, Base + "/cases/{caseid}", h.status},
		{http.MethodGet, Base + "/receipts", h.receipts},
	}
}

func (h *handler) serve(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return problem.Handle(ProblemOf, func(r *http.Request, p *problem.Problem) {
		h.logger.ErrorContext(r.Context(), "a data-protection request has failed", "operation", r.Pattern, "code", p.Code(), "err", p.Cause)
	}, f)
}

// officer returns who asks, who may.
func officer(r *http.Request) (auth.Principal, error) {
	p, ok := auth.From(r.Context())
	switch {
	case !ok:
		return p, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "The credentials are not accepted", "")
	case !p.Officer:
		return p, problem.New(http.StatusForbidden, problem.Forbidden, "This is not permitted", "only those who answer data-protection requests may do this")
	}
	return p, nil
}

// controller returns the Controller for a principal who asks for a contact center, or for none ("").
func (h *handler) controller(ctx context.Context, p auth.Principal, ccid string) (*gdpr.Controller, error) {
	center, err := p.ContactCenter(ccid)
	if err != nil {
		return nil, err
	}
	c, err := h.controllers(ctx, center)
	if errors.Is(err, ErrNoContactCenter) {
		err = problem.New(http.StatusForbidden, problem.Forbidden, "This is not permitted", "the service does not serve this contact center").Because(err)
	}
	return c, err
}

// begin reads a request and finds out whose it is.
func (h *handler) begin(w http.ResponseWriter, r *http.Request, op Operation) (*gdpr.Controller, *gdpr.Request, error) {
	p, err := officer(r)
	if err != nil {
		return nil, nil, err
	}
	doc, err := problem.Body(w, r, MaxRequest)
	if err != nil {
		return nil, nil, err
	}
	req, err := ParseRequest(op, doc)
	if err != nil {
		return nil, nil, err
	}
	c, err := h.controller(r.Context(), p, req.CCID)
	req.Actor = p.Name
	return c, req, err
}

type reporting func(*gdpr.Controller, context.Context, *gdpr.Request) (*gdpr.ForgetReport, error)

func (h *handler) report(op Operation, do reporting) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, req, err := h.begin(w, r, op)
		if err != nil {
			return err
		}
		if confirm := r.URL.Query().Get("confirm"); confirm != "" && confirm != "false" {
			if confirm != "true" || op != Forget {
				return problem.New(http.StatusBadRequest, problem.InvalidRequest, "The request is not right", "confirm is true or false, and for forgetme only")
			}
			req.Confirm = true
		}
		report, err := do(c, r.Context(), req)
		if err != nil {
			return err
		}
		return answer(w, report)
	}
}

// answer writes what is personal data: nobody keeps it on the way.
func answer(w http.ResponseWriter, body any) error {
	doc, err := json.Marshal(body)
	if err != nil {
		return err
	}
	hdr := w.Header()
	hdr.Set("Content-Type", "application/json")
	hdr.Set("Cache-Control", "no-store")
	hdr.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(doc, '\n')) // a client that went away
	return nil
}

// export streams an archive. Once it has begun, an error can only cut it off, and an archive that is cut off cannot be opened.
func (h *handler) export(w http.ResponseWriter, r *http.Request) error {
	c, req, err := h.begin(w, r, Export)
	if err != nil {
		return err
	}
	out := &archive{w: w}
	sink := gdpr.ZipSink(out)
	if _, err = c.ExportMe(r.Context(), req, sink); err == nil {
		err = sink.Close()
	}
	if err != nil && out.began {
		h.logger.ErrorContext(r.Context(), "an export was cut off", "code", ProblemOf(err).Code(), "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// writeWithin is how long the client of an export may keep the service waiting.
const writeWithin = time.Minute

// archive is the body of an export. The status is sent when there is something to send, so that until then an error is an answer.
type archive struct {
	w     http.ResponseWriter
	began bool
}

func (a *archive) Write(b []byte) (int, error) {
	if !a.began {
		a.began = true
		hdr := a.w.Header()
		hdr.Set("Content-Type", "application/zip")
		hdr.Set("Content-Disposition", `attachment; filename="export.zip"`)
		hdr.Set("Cache-Control", "no-store")
		hdr.Set("X-Content-Type-Options", "nosniff")
	}
	_ = http.NewResponseController(a.w).SetWriteDeadline(time.Now().Add(writeWithin)) // where a server has deadlines
	return a.w.Write(b)
}

// query returns the Controller for a request without a body.
func (h *handler) query(r *http.Request) (*gdpr.Controller, error) {
	p, err := officer(r)
	if err != nil {
		return nil, err
	}
	return h.controller(r.Context(), p, r.URL.Query().Get("ccid"))
}

func (h *handler) status(w http.ResponseWriter, r *http.Request) error {
	c, err := h.query(r)
	if err != nil {
		return err
	}
	one, err := c.Status(r.Context(), r.PathValue("caseid"))
	if err != nil {
		return err
	}
	return answer(w, one)
}

// Cases is the answer to GET cases: the newest first, at most 1,000.
type Cases struct {
	Cases []gdpr.Case `json:"cases"`
	// More says that there are older ones.
	More bool `json:"more"`
}

func (h *handler) cases(w http.ResponseWriter, r *http.Request) error {
	c, err := h.query(r)
	if err != nil {
		return err
	}
	list, err := c.Cases(r.Context())
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b gdpr.Case) int { return b.AcceptedAt.Compare(a.AcceptedAt) })
	n := min(len(list), maxList)
	return answer(w, Cases{Cases: append([]gdpr.Case{}, list[:n]...), More: n < len(list)})
}

// Receipts is the answer to GET receipts: at most 1,000, the oldest first.
type Receipts struct {
	Receipts []gdpr.Receipt `json:"receipts"`
	// Head is the digest of the last of them; empty if there is none.
	Head string `json:"head"`
	// More says that there are newer ones: ask again, after the number of the last.
	More bool `json:"more"`
}

func (h *handler) receipts(w http.ResponseWriter, r *http.Request) error {
	c, err := h.query(r)
	if err != nil {
		return err
	}
	after := 0
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.Atoi(text); err != nil || after < 0 {
			return problem.New(http.StatusBadRequest, problem.InvalidRequest, "The request is not right", "after is the number of a receipt")
		}
	}
	out := Receipts{Receipts: []gdpr.Receipt{}}
	for receipt, err := range c.Receipts(r.Context()) {
		if err != nil {
			return err
		}
		if receipt.Number <= after {
			continue
		}
		if len(out.Receipts) == maxList {
			out.More = true
			break
		}
		out.Receipts, out.Head = append(out.Receipts, receipt), receipt.Digest()
	}
	return answer(w, out)
}
