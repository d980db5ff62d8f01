// Package lossy is a hop on the way to the router that loses datagrams, as a bad line does,
// and gives each of its clients a port of its own, as a NAT does.
package lossy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Hop forwards UDP between clients and one server.
type Hop struct {
	server *net.UDPAddr
	inside *net.UDPConn
	loss   float64

	mu      sync.Mutex
	chance  *rand.Rand
	clients map[string]*net.UDPConn // the socket towards the server, by the client's address
	passed  int
	lost    int
	running sync.WaitGroup
	closed  bool
}

// New opens a hop to server ("ip:port") that loses the given part of the datagrams, 0 to 1,
// each way. The same seed loses the same ones of the same traffic. It closes with the test.
func New(t testing.TB, server string, loss float64, seed uint64) *Hop {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	h := &Hop{server: addr, loss: loss, chance: rand.New(rand.NewPCG(seed, seed)), clients: map[string]*net.UDPConn{}}
	if h.inside, err = net.ListenUDP("udp", &net.UDPAddr{IP: addr.IP}); err != nil {
		t.Fatal(err)
	}
	h.running.Add(1)
	go h.fromClients()
	t.Cleanup(h.close)
	return h
}

// Address is where clients send to instead of to the server.
func (h *Hop) Address() string { return h.inside.LocalAddr().String() }

// Forget drops what the hop knows of its clients, as a NAT does after a silence: the next
// datagram of each comes from another port, and what the server sends to the old one is lost.
func (h *Hop) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for client, conn := range h.clients {
		_ = conn.Close()
		delete(h.clients, client)
	}
}

// Counts says how many datagrams went through and how many were lost.
func (h *Hop) Counts() (passed, lost int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.passed, h.lost
}

// drops decides about one datagram.
func (h *Hop) drops() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.chance.Float64() < h.loss {
		h.lost++
		return true
	}
	h.passed++
	return false
}

func (h *Hop) fromClients() {
	defer h.running.Done()
	buf := make([]byte, 65536)
	for {
		n, client, err := h.inside.ReadFromUDP(buf)
		if err != nil {
			return
		}
		out, err := h.towardsServer(client)
		if err != nil {
			return
		}
		if !h.drops() {
			_, _ = out.Write(buf[:n]) // lost, as on any line
		}
	}
}

// towardsServer is the client's socket, opened when it is first needed.
func (h *Hop) towardsServer(client *net.UDPAddr) (*net.UDPConn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, net.ErrClosed
	}
	if conn := h.clients[client.String()]; conn != nil {
		return conn, nil
	}
	conn, err := net.DialUDP("udp", nil, h.server)
	if err != nil {
		return nil, fmt.Errorf("socket for %v: %w", client, err)
	}
	h.clients[client.String()] = conn
	h.running.Add(1)
	go h.fromServer(conn, client)
	return conn, nil
}

func (h *Hop) fromServer(conn *net.UDPConn, client *net.UDPAddr) {
	defer h.running.Done()
	buf := make([]byte, 65536)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if !h.drops() {
			_, _ = h.inside.WriteToUDP(buf[:n], client)
		}
	}
}

func (h *Hop) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.Forget()
	_ = h.inside.Close()
	h.running.Wait()
}
