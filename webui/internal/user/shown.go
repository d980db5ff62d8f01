package user

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"seraph/webui/internal/portal"
)

// shownOf is a short mark of rows as a page shows them. A form that puts others in their
// place carries it, so that it does not undo what came between.
func shownOf(rows any) string {
	text, _ := json.Marshal(rows) // structs of the store: cannot fail
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// outOfDate reports whether a form was made of other rows than those that are there now. A
// form without a mark is of no page, and so never out of date.
func outOfDate(r *http.Request, now any) bool {
	mark := r.PostForm.Get(portal.FieldShown)
	return mark != "" && mark != shownOf(now)
}
