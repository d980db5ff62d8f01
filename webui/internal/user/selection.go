package user

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"seraph/sql/store"
)

// fieldIDs names the rows that a list's form is about: the field once for each
// of them, or once with all of them and commas between.
const fieldIDs = "ids"

// maxSelected bounds the rows of one form.
const maxSelected = 1000

// selection reads the ids of rows. None is no error; what is no id, or too
// many, is store.ErrNotFound: no page of ours sends it.
func selection(values url.Values) ([]int64, error) {
	var ids []int64
	for _, value := range values[fieldIDs] {
		for text := range strings.SplitSeq(value, ",") {
			id, err := strconv.ParseInt(text, 10, 64)
			if err != nil || id <= 0 || len(ids) >= maxSelected {
				return nil, store.ErrNotFound
			}
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// joinIDs is a selection in one field.
func joinIDs(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ",")
}
