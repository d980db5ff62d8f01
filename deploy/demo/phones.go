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
	all  []*phone.Phone
	stop context.CancelFunc
	done sync.WaitGroup
}

// startPhones starts the phones of those who have one, and returns when they
// are registered at the router.
func startPhones(ctx context.Context, router netip.AddrPort, passwords map[string]string, out io.Writer) (*phones, error) {
	ps := &phones{log: &phoneLog{out: out}}
	for _, who := range cast {
		if !who.phone {
			continue
		}
		p, err := phone.Listen(phone.Config{
			User: who.name, Domain: domain, Name: who.first + " " + who.last, Password: passwords[who.name],
			Router: router, Listen: netip.AddrPortFrom(router.Addr(), 0),
			RingFor: ringFor, TalkFor: talkFor,
			Log: slog.New(ps.log),
		})
		if err != nil {
			ps.close()
			return nil, err
		}
		ps.all = append(ps.all, p)
	}
	if err := ps.register(ctx); err != nil {
		ps.close()
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	ps.stop = stop
	for _, p := range ps.all {
		ps.done.Go(func() {
			if err := p.Run(life); err != nil {
				ps.log.note("%s: %v", p.AoR(), err)
			}
		})
	}
	return ps, nil
}

// register registers every phone once; Run keeps them so.
func (ps *phones) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	for _, p := range ps.all {
		if _, err := p.Register(ctx); err != nil {
			return fmt.Errorf("the phone of %s cannot register: %w", p.AoR(), err)
		}
	}
	return nil
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
