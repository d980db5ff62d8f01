package ratelimit

import (
	"fmt"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
)

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "rl_check", Max: 1, Routes: module.RequestRoute, Dynamic: true, Compile: m.compileCheck,
			Doc: "false if there are more requests than the pipe of the method, or the one named, lets through"},
		{Name: "rl_check_pipe", Max: 1, Routes: module.RequestRoute, Compile: m.compileCheckPipe,
			Doc: "the same with the number of a pipe"},
		{Name: "rl_check_source", Min: 1, Max: 1, Routes: module.RequestRoute, Compile: m.compileCheckSource,
			Doc: "false if one source sends more requests than a pipe lets through"},
	}
}

// compileCheck compiles rl_check([pipe]), whose argument may hold a pseudo-variable.
func (m *Module) compileCheck(args []module.Arg) (module.Call, error) {
	if len(args) == 0 {
		return m.checkMethod, nil
	}
	f, literal, err := args[0].Format()
	if err != nil {
		return nil, err
	}
	if f == nil {
		n, err := pipeNumber(literal)
		return func(c *module.Ctx) int { return m.check(c, n) }, err
	}
	return func(c *module.Ctx) int {
		n, ok := f.Value(c).Int()
		if !ok || n < 0 || n >= maxPipes {
			return module.True
		}
		return m.check(c, int(n))
	}, nil
}

// compileCheckPipe compiles rl_check_pipe([number]).
func (m *Module) compileCheckPipe(args []module.Arg) (module.Call, error) {
	if len(args) == 0 {
		return m.checkMethod, nil
	}
	n, err := pipeNumber(args[0].Str)
	return func(c *module.Ctx) int { return m.check(c, n) }, err
}

// checkMethod counts in the pipe of the first queue that the method belongs to; without one there
// is no limit.
func (m *Module) checkMethod(c *module.Ctx) int {
	for i := range m.queues {
		q := &m.queues[i]
		if q.method == "*" || string(c.Msg.MethodText()) == q.method {
			return m.check(c, q.pipe)
		}
	}
	return module.True
}

// check counts a request in a pipe. What the router's own user agent sends is not limited, and
// a pipe that is not defined lets everything through.
func (m *Module) check(c *module.Ctx, number int) int {
	p := &m.pipes[number]
	if c.Local != nil || p.take(m.tick(), m.seconds()) {
		return module.True
	}
	m.limited.Add(1)
	return module.False
}

// compileCheckSource compiles rl_check_source(number).
func (m *Module) compileCheckSource(args []module.Arg) (module.Call, error) {
	n, err := pipeNumber(args[0].Str)
	return func(c *module.Ctx) int { return m.checkSource(c, n) }, err
}

func (m *Module) checkSource(c *module.Ctx, number int) int {
	if c.Local != nil {
		return module.True
	}
	name, limit, _ := m.pipes[number].state(m.tick(), m.seconds())
	if name == "" || m.sources.count(transport.SourceOf(c.From.Remote.Addr()), number, m.tick()) <= limit*m.seconds() {
		return module.True
	}
	m.limited.Add(1)
	return module.False
}

// Pipes answers rl.get_pipes: those that are defined.
func (m *Module) Pipes() []ctlproto.RlPipe {
	list := []ctlproto.RlPipe{}
	for i := range m.pipes {
		name, limit, count := m.pipes[i].state(m.tick(), m.seconds())
		if name != "" {
			list = append(list, ctlproto.RlPipe{ID: i, Algorithm: string(name), Limit: limit, Counter: count})
		}
	}
	return list
}

// SetPipe is rl.set_pipe: it changes a pipe, or defines one.
func (m *Module) SetPipe(number int, algorithm string, limit int) error {
	if number < 0 || number >= maxPipes {
		return fmt.Errorf("the number %d of a pipe is not from 0 to %d", number, maxPipes-1)
	}
	return m.pipes[number].set(algorithm, limit)
}
