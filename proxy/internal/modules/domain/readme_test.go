package domain_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/domain"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, domain.New(domain.Config{})) }
