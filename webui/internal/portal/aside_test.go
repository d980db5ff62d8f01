package portal_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seraph/webui/internal/portal"
)

// TestAside: a page waits for a note that is quickly made, and not for one that is not, of
// which there is but one at a time; very many are refused.
func TestAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a portal.Aside
		made := 0
		a.Do("quick", func(context.Context) { made++ })
		if made != 1 {
			t.Error("the page did not wait for a quick note")
		}
		locked := make(chan struct{})
		begin := time.Now()
		a.Do("slow", func(ctx context.Context) { <-locked; made++ })
		a.Do("slow", func(context.Context) { t.Error("a second note of the same kind was begun") })
		if took := time.Since(begin); took > time.Second || made != 1 {
			t.Errorf("the page waited for %v, %d notes", took, made)
		}
		close(locked)
		synctest.Wait()
		a.Do("slow", func(context.Context) { made++ })
		if made != 3 {
			t.Errorf("%d notes, want 3", made)
		}
		var begun atomic.Int32
		for i := range 1000 {
			go a.Do(fmt.Sprint(i), func(ctx context.Context) { begun.Add(1); <-ctx.Done() })
		}
		synctest.Wait()
		if n := begun.Load(); n == 0 || n > 100 {
			t.Errorf("%d notes at once", n)
		}
		time.Sleep(time.Minute) // each note has its time
	})
}
