package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// Limits of the start.
const (
	readyTimeout    = 30 * time.Second // for each program
	registerTimeout = 15 * time.Second // for the phones
	pollPause       = 50 * time.Millisecond
)

// demo is one run.
type demo struct {
	settings
	out io.Writer

	folder    *folder
	socket    string
	database  string
	passwords map[string]string
	sipPort   int
	httpPort  int
	moved     []string // what became of ports that are taken
	children  []*child
	phones    *phones
}

// run sets everything up, waits until ctx ends, and ends everything. It returns
// an error if something could not be set up or ended before it should.
func (d *demo) run(ctx context.Context) (err error) {
	if d.folder, err = openFolder(d.settings.folder); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.folder.close()) }()
	if err := d.folder.retract(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.endAll()) }()
	if err := d.setUp(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // somebody ended it before it had begun
		}
		return err
	}
	if err := d.folder.write(reportFile, d.report()); err != nil {
		return err
	}
	d.introduce()
	d.phones.speak()
	return d.wait(ctx)
}

// setUp starts everything, in order of need.
func (d *demo) setUp(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.prepare, d.startProxy, d.startPortal, d.startPhones} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare chooses ports and paths and fills the database.
func (d *demo) prepare(ctx context.Context) (err error) {
	if d.socket, err = d.folder.socket(); err != nil {
		return err
	}
	if d.sipPort, err = d.choose(d.sip, "SIP", freeSIP); err != nil {
		return err
	}
	if d.httpPort, err = d.choose(d.http, "the portal", freeTCP); err != nil {
		return err
	}
	if d.passwords, err = d.folder.passwords(cast); err != nil {
		return err
	}
	if d.database, err = store.SQLiteURL(d.folder.file("seraph.db")); err != nil {
		return err
	}
	return setTheScene(ctx, d.database, d.passwords)
}

func (d *demo) choose(p port, what string, free func(netip.AddrPort) error) (int, error) {
	n, moved, err := p.pick(d.listen, free)
	if moved {
		d.moved = append(d.moved, fmt.Sprintf("Port %d is taken: %s is on %d (%s chooses).", p.number, what, n, p.variable))
	}
	return n, err
}

// sipAddr is where phones reach the router.
func (d *demo) sipAddr() netip.AddrPort { return netip.AddrPortFrom(d.host, uint16(d.sipPort)) }

// url is where browsers reach the portal.
func (d *demo) url() string {
	return "http://" + netip.AddrPortFrom(d.host, uint16(d.httpPort)).String()
}

// adminURL is where administrators sign in.
func (d *demo) adminURL() string { return d.url() + "/admin" }

func (d *demo) startProxy(ctx context.Context) error {
	at := netip.AddrPortFrom(d.listen, uint16(d.sipPort)).String()
	args := []string{"--db", d.database, "--state", d.folder.path, "--ctl", d.socket, "--listen", "udp:" + at, "--listen", "tcp:" + at}
	if d.listen.IsUnspecified() {
		args = append(args, "--advertise", d.host.String())
	}
	return d.startReady(ctx, "seraph-proxy", args, func(ctx context.Context) error {
		c, err := ctlproto.Dial(ctx, d.socket)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func (d *demo) startPortal(ctx context.Context) error {
	at := netip.AddrPortFrom(d.listen, uint16(d.httpPort)).String()
	config, err := d.folder.portalConfig()
	if err != nil {
		return err
	}
	args := []string{"--config", config, "--listen", at, "--db", d.database, "--ctl", d.socket}
	return d.startReady(ctx, "seraph-webui", args, func(ctx context.Context) error { return healthy(ctx, d.url()+"/healthz") })
}

func healthy(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(url + ": " + resp.Status)
	}
	return nil
}

// startReady starts a program and returns when it serves.
func (d *demo) startReady(ctx context.Context, name string, args []string, ready func(context.Context) error) error {
	c, err := startChild(d.bin, name, d.folder.file(name+".log"), args...)
	if err != nil {
		return err
	}
	d.children = append(d.children, c)
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return c.fault()
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve: %w. %s", name, err, c.lastWords())
		case <-tick.C:
		}
	}
}

// startPhones switches the phones on, the newcomer's last: what bob does before
// is what she has missed.
func (d *demo) startPhones(ctx context.Context) (err error) {
	if d.phones, err = listenPhones(d.sipAddr(), d.passwords, d.out); err != nil {
		return err
	}
	owner, caller := cast[0], cast[1]
	for _, who := range cast[1:] {
		if err := d.phones.register(ctx, who.name); err != nil {
			return err
		}
	}
	if err := d.leaveTraces(ctx, owner, caller); err != nil {
		return err
	}
	if err := d.phones.register(ctx, owner.name); err != nil {
		return err
	}
	d.phones.run()
	return nil
}

// wait returns when ctx ends, or with an error when a program has.
func (d *demo) wait(ctx context.Context) error {
	ended := make(chan *child, len(d.children))
	for _, c := range d.children {
		go func() {
			<-c.done
			ended <- c
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case c := <-ended:
		return c.fault()
	}
}

// endAll ends what was started, the last first.
func (d *demo) endAll() error {
	err := d.folder.retract() // nobody should read it and come
	if d.phones != nil {
		d.phones.close()
	}
	for i := len(d.children) - 1; i >= 0; i-- {
		err = errors.Join(err, d.children[i].end())
	}
	return err
}
