package auth_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/auth"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, auth.New(auth.Config{})) }
