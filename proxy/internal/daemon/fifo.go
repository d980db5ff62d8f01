package daemon

import "seraph/proxy/internal/control"

// openFIFO opens the FIFO that the script names, if it does, and serves it.
func (d *Daemon) openFIFO(server *control.Server) error {
	g := d.program.Globals()
	if g.FIFO == "" {
		return nil
	}
	fifo, err := control.OpenFIFO(server, control.FIFOConfig{
		Path: g.FIFO, Mode: g.FIFOMode, Group: g.FIFOGroup, ReplyDir: g.FIFODir, Log: d.log,
	})
	if err != nil {
		return err
	}
	d.fifo = fifo
	go fifo.Serve()
	d.log.Info("serving", "fifo", g.FIFO)
	return nil
}

// closeFIFO ends what openFIFO began.
func (d *Daemon) closeFIFO() error {
	if d.fifo == nil {
		return nil
	}
	return d.fifo.Close()
}
