package ctlproto

import "context"

// PikeTop lists who sends most: filter is "HOT" (who is blocked; the same as ""), "WARM" or "ALL".
func (m Methods) PikeTop(ctx context.Context, filter string) (PikeTop, error) {
	return result[PikeTop](ctx, m, MethodPikeTop, map[string]any{"filter": filter})
}

// PikeRm forgets what an address has sent; CodeNotFound if nothing is known of it.
func (m Methods) PikeRm(ctx context.Context, ip string) error {
	return m.do(ctx, MethodPikeRm, map[string]any{"ip": ip})
}

// HtableDump lists what is in a hash table.
func (m Methods) HtableDump(ctx context.Context, table string) ([]HtableSlot, error) {
	return result[[]HtableSlot](ctx, m, MethodHtableDump, map[string]any{"htable": table})
}

// HtableDelete removes an entry; CodeNotFound if it is not there.
func (m Methods) HtableDelete(ctx context.Context, table, key string) error {
	return m.do(ctx, MethodHtableDelete, map[string]any{"htable": table, "key": key})
}

// PermAddressReload makes the proxy read the table address again.
func (m Methods) PermAddressReload(ctx context.Context) error {
	return m.do(ctx, MethodPermAddressReload, nil)
}

// PermTrustedReload makes the proxy read the table trusted again.
func (m Methods) PermTrustedReload(ctx context.Context) error {
	return m.do(ctx, MethodPermTrustedReload, nil)
}
