package stand

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Kamctl is Kamailio's own control tool, unmodified, pointed at the stand's database
// and at a FIFO of its router.
type Kamctl struct {
	t    testing.TB
	home string
}

// Kamctl writes the tool's configuration, kamctlrc.
func (s *Stand) Kamctl(fifo string) *Kamctl {
	s.t.Helper()
	k := &Kamctl{t: s.t, home: s.t.TempDir()}
	rc := []string{"SIP_DOMAIN=" + Domain, "RPCFIFOPATH=" + fifo, "STORE_PLAINTEXT_PW=0"}
	if m := s.MariaDB(); m != nil {
		rc = append(rc, "DBENGINE=MYSQL", "DBHOST=localhost", "DBNAME="+mariaDatabase, "DBRWUSER="+mariaUser, "DBRWPW="+mariaPassword,
			"DBROUSER="+mariaUser, "DBROPW="+mariaPassword, `MYSQL="mysql --no-defaults --socket=`+m.Socket()+`"`)
	} else {
		rc = append(rc, "DBENGINE=SQLITE", "DB_PATH="+filepath.Join(s.Dir, "seraph.db"))
	}
	if err := os.WriteFile(filepath.Join(k.home, ".kamctlrc"), []byte(strings.Join(rc, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return k
}

// Run runs kamctl and returns what it prints; that it fails fails the test.
func (k *Kamctl) Run(args ...string) string {
	k.t.Helper()
	out, err := k.Try(args...)
	if err != nil {
		k.t.Fatalf("kamctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Try runs kamctl, which gets "y" for every question.
func (k *Kamctl) Try(args ...string) (string, error) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kamctl", args...)
	cmd.Env = append(os.Environ(), "HOME="+k.home, "TERM=xterm", "EDITOR=true")
	cmd.Dir = k.home
	cmd.Stdin = strings.NewReader("y\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("no end within 30 s: %w", err)
	}
	return out.String(), err
}
