package xlog_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/xlog"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, xlog.New(xlog.Config{})) }
