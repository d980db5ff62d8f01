package ratelimit_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/ratelimit"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, ratelimit.New(ratelimit.Config{})) }
