package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"seraph/deploy/demo/phone"
)

// How the demo's phones behave.
const (
	ringFor = time.Second
	talkFor = 30 * time.Second // a call that such a phone placed
)

// phones are the phones that run in the demo's own process.
type phones struct {
	log  *phoneLog
	all  map[string]*phone.Phone // by its user's name
	stop context.CancelFunc
	done sync.WaitGroup
}

// listenPhones makes the phones of those who have one. They are not registered
// yet. The newcomer's takes no messages, as many a phone on a desk: so what is
// stored for her stays in the message store for her to see.
func listenPhones(router netip.AddrPort, passwords map[string]string, out io.Writer) (*phones, error) {
	ps := &phones{log: &phoneLog{out: out}, all: map[string]*phone.Phone{}}
	for i, who := range cast {
		if !who.phone {
			continue
		}
		p, err := phone.Listen(phone.Config{
			User: who.name, Domain: domain, Name: who.first + " " + who.last, Password: passwords[who.name],
			Router: router, Listen: netip.AddrPortFrom(router.Addr(), 0),
			RingFor: ringFor, TalkFor: talkFor, NoMessages: i == 0,
			Log: slog.New(ps.log),
		})
		if err != nil {
			ps.close()
			return nil, err
		}
		ps.all[who.name] = p
	}
	return ps, nil
}

// register registers a phone once; run keeps it so. A user without one needs nothing.
func (ps *phones) register(ctx context.Context, name string) error {
	p := ps.all[name]
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	if _, err := p.Register(ctx); err != nil {
		return fmt.Errorf("the phone of %s cannot register: %w", p.AoR(), err)
	}
	return nil
}

// run keeps the phones registered until close.
func (ps *phones) run() {
	life, stop := context.WithCancel(context.Background())
	ps.stop = stop
	for _, p := range ps.all {
		ps.done.Go(func() {
			if err := p.Run(life); err != nil {
				ps.log.note("%s: %v", p.AoR(), err)
			}
		})
	}
}

// speak lets the phones tell what they do from now on.
func (ps *phones) speak() { ps.log.speak() }

// close hangs up, unregisters and closes.
func (ps *phones) close() {
	if ps.stop == nil { // they do not run yet
		var errs []error
		for _, p := range ps.all {
			errs = append(errs, p.Close())
		}
		if err := errors.Join(errs...); err != nil {
			ps.log.note("%v", err)
		}
		return
	}
	ps.stop()
	ps.done.Wait()
}
