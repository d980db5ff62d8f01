package module

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// TestQuota: so many in a period, then none until it is over; what is given back counts
// no more.
func TestQuota(t *testing.T) {
	q, now, key := NewQuota(2, time.Minute), time.Unix(1000, 0), []byte("a")
	for i, want := range []bool{true, true, false, false} {
		if got := q.Take(key, now); got != want {
			t.Errorf("the %d. is %v", i+1, got)
		}
	}
	q.Give(key, now)
	if !q.Take(key, now) || q.Take(key, now) {
		t.Error("what is given back is not one more")
	}
	if q.Take(key, now.Add(59*time.Second)) || !q.Take(key, now.Add(time.Minute)) {
		t.Error("the period is not a minute")
	}
	if !q.Take(key, now.Add(-time.Hour)) {
		t.Error("a clock that was set back refuses all")
	}
	q.Give([]byte("new"), now) // nothing to give back
	if !q.Take([]byte("new"), now) {
		t.Error("one that was never counted is refused")
	}
}

// TestQuotaOfMany: any number of sources with one each leave nearly all others their own.
func TestQuotaOfMany(t *testing.T) {
	q, now := NewQuota(60, time.Hour), time.Unix(1000, 0)
	refused := 0
	for i := range 100_000 {
		if !q.Take(binary.BigEndian.AppendUint32(nil, uint32(i)), now) {
			refused++
		}
	}
	if refused > 0 {
		t.Errorf("%d of 100000 sources are refused their first", refused)
	}
}

// TestQuotaKey: how an address is written makes no difference, and neighbours in IPv6 are
// one.
func TestQuotaKey(t *testing.T) {
	for _, x := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "::ffff:192.0.2.1", true}, {"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff%eth0", true}, {"2001:db8::1", "2001:db8:0:1::1", false},
	} {
		if got := QuotaKey(netip.MustParseAddr(x.a)) == QuotaKey(netip.MustParseAddr(x.b)); got != x.same {
			t.Errorf("%s and %s have the same key: %v", x.a, x.b, got)
		}
	}
	if QuotaKey(netip.Addr{}) == QuotaKey(netip.MustParseAddr("192.0.2.1")) {
		t.Error("no address has the key of one")
	}
}
