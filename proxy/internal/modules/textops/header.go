package textops

import (
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// compileAppend compiles append_hf(lines) and append_hf(lines, field).
func compileAppend(args []module.Arg) (module.Call, error) {
	lines, err := parseLines(args[0])
	if err != nil {
		return nil, err
	}
	if len(args) == 1 {
		return func(c *module.Ctx) int { return insert(c, c.Msg.HeadersEnd(), lines) }, nil
	}
	after := args[1].Str
	if err := fieldName(after); err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		at := c.Msg.HeadersEnd()
		if h := c.Msg.Named(after); h != nil {
			at = h.End
		}
		return insert(c, at, lines)
	}, nil
}

// compileInsert compiles insert_hf(lines) and insert_hf(lines, field).
func compileInsert(args []module.Arg) (module.Call, error) {
	lines, err := parseLines(args[0])
	if err != nil {
		return nil, err
	}
	if len(args) == 1 {
		return func(c *module.Ctx) int { return insert(c, c.Msg.HeadersStart(), lines) }, nil
	}
	before := args[1].Str
	if err := fieldName(before); err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		at := c.Msg.HeadersStart()
		if h := c.Msg.Named(before); h != nil {
			at = h.Start
		}
		return insert(c, at, lines)
	}, nil
}

func insert(c *module.Ctx, at uint32, l *lines) int {
	text := l.in(c)
	if text == nil {
		return module.False
	}
	c.Spend(len(text))
	c.Msg.Insert(at, text)
	return module.True
}

// compileRemove compiles remove_hf(field). The fields without which no message can
// go out stay.
func compileRemove(args []module.Arg) (module.Call, error) {
	name := args[0].Str
	if err := fieldName(name); err != nil {
		return nil, err
	}
	switch sip.ParseHeaderID([]byte(name)) {
	case sip.HdrVia, sip.HdrFrom, sip.HdrTo, sip.HdrCallID, sip.HdrCSeq, sip.HdrContentLength, sip.HdrMaxForwards:
		return nil, fmt.Errorf("%s must stand in every message and cannot be removed", name)
	}
	return func(c *module.Ctx) int {
		result := module.False
		for h := c.Msg.Named(name); h != nil; h = nextNamed(c.Msg, h, name) {
			c.Msg.RemoveLine(h)
			result = module.True
		}
		return result
	}, nil
}

// nextNamed is the next line of the field of h, which is called name.
func nextNamed(m *sip.Message, h *sip.Header, name string) *sip.Header {
	for h = m.Next(h); h != nil; h = m.Next(h) {
		if h.ID != sip.HdrOther || sip.EqualFold(m.Name(h), name) {
			return h
		}
	}
	return nil
}

// compilePresent compiles is_present_hf(field).
func compilePresent(args []module.Arg) (module.Call, error) {
	name := args[0].Str
	if err := fieldName(name); err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int { return module.Truth(c.Msg.Named(name) != nil) }, nil
}

// compileToReply compiles append_to_reply(lines).
func compileToReply(args []module.Arg) (module.Call, error) {
	lines, err := parseLines(args[0])
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		text := lines.in(c)
		if text == nil {
			return module.False
		}
		c.Spend(len(text))
		return module.Truth(c.AppendToReply(text))
	}, nil
}
