package tlsmod

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, New(Config{})) }
