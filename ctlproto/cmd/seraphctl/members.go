package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// members are the names and values of a JSON object, in its order; texts without
// their quotes.
func members(raw []byte) ([][2]string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("no JSON object: %.80q", raw)
	}
	var list [][2]string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		list = append(list, [2]string{fmt.Sprint(name), text})
	}
	return list, nil
}
