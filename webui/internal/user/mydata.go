package user

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// Bounds of an export.
const (
	// exportTime is how long one may take in all, exportStep how long the browser
	// may take for one part.
	exportTime = 10 * time.Minute
	exportStep = time.Minute
)

// exporting is who has an export running: one at a time each. It is safe for
// concurrent use; the zero value is ready.
type exporting struct {
	mu  sync.Mutex
	who map[aor.AOR]struct{}
}

// begin reports whether an export by a user may begin; then end it.
func (e *exporting) begin(who aor.AOR) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, running := e.who[who]; running {
		return false
	}
	if e.who == nil {
		e.who = make(map[aor.AOR]struct{})
	}
	e.who[who] = struct{}{}
	return true
}

func (e *exporting) end(who aor.AOR) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.who, who)
}

// dataPage is the data of mydata.html.
type dataPage struct {
	// Fault is why there is no export now; its key is "" if there is one.
	Fault view.Msg
}

// MyData leads to the export and to the end of the account (GET /user/account/data).
func (p *Portal) MyData(w http.ResponseWriter, r *http.Request) {
	p.showData(w, r, http.StatusOK, dataPage{})
}

func (p *Portal) showData(w http.ResponseWriter, r *http.Request, status int, page dataPage) {
	p.View.Page(w, r, status, "mydata", view.Page{Title: view.M("mydata.title"), Tab: tabAccount, Data: page})
}

// Export sends everything that is held of the owner as one ZIP of JSON files (GET
// /user/account/export), as it is read: no secret is among it.
func (p *Portal) Export(w http.ResponseWriter, r *http.Request) {
	me := owner(r)
	if !p.exports.begin(me) {
		w.Header().Set("Retry-After", "30")
		p.showData(w, r, http.StatusTooManyRequests, dataPage{Fault: view.M("mydata.running")})
		return
	}
	defer p.exports.end(me)
	if _, err := p.DB.Subscribers.Find(r.Context(), me); err != nil { // before half an answer has left
		p.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="seraph-`+p.Now().UTC().Format("2006-01-02")+`.zip"`)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), exportTime)
	defer cancel()
	if err := p.writeExport(ctx, w, r, me); err != nil {
		p.Log.Warn("export broken off", "user", me.String(), "error", err)
		panic(http.ErrAbortHandler) // so that nobody takes the half for the whole
	}
	p.audit(r, "account.export", "", "")
}

// writeExport writes the archive.
func (p *Portal) writeExport(ctx context.Context, w http.ResponseWriter, r *http.Request, me aor.AOR) error {
	control := http.NewResponseController(w)
	archive := zip.NewWriter(w)
	texts := p.View.TextsFor(r)
	readme, err := archive.Create("readme.txt")
	if err == nil {
		_, err = io.WriteString(readme, texts.Text(view.M("mydata.readme", me.String(), p.Now().UTC().Format(time.RFC3339)))+"\n")
	}
	if err != nil {
		return err
	}
	for _, part := range store.PersonalParts() {
		file, err := archive.CreateHeader(&zip.FileHeader{Name: part + ".json", Method: zip.Deflate, Modified: p.Now().UTC()})
		if err != nil {
			return err
		}
		step := func() error {
			err := control.SetWriteDeadline(time.Now().Add(exportStep))
			if errors.Is(err, http.ErrNotSupported) {
				return nil
			}
			return err
		}
		if err := p.writePart(ctx, file, me, part, step); err != nil {
			return err
		}
	}
	return archive.Close()
}

// writePart writes the rows of one part as a JSON array, one a line; step is
// done before each.
func (p *Portal) writePart(ctx context.Context, file io.Writer, me aor.AOR, part string, step func() error) error {
	out := bufio.NewWriter(file)
	between := "[\n"
	err := p.DB.Subscribers.Personal(ctx, me, part, func(row map[string]any) error {
		if err := step(); err != nil {
			return err
		}
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		_, _ = out.WriteString(between) // Flush gives the error
		_, _ = out.Write(text)
		between = ",\n"
		return nil
	})
	if err != nil {
		return err
	}
	if between == "[\n" {
		_, _ = out.WriteString("[")
	}
	_, _ = out.WriteString("\n]\n")
	return out.Flush()
}
