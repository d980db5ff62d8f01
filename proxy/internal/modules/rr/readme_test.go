package rr_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/rr"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, rr.New(rr.Config{})) }
