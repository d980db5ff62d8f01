package browser

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/chromedp/chromedp"
)

// tallest is the height at which a picture is cut, in pixels.
const tallest = 1800

// Shot saves the whole page, as wide as the look is, as a PNG of at most 256 colours.
func (b *Browser) Shot(path string, look Look) {
	b.t.Helper()
	b.Wear(look)
	height, err := eval[int](b, "() => document.documentElement.scrollHeight")
	if err != nil {
		b.t.Fatal(err)
	}
	b.Resize(look.Width, min(max(height, 500), tallest)) // what stands at the window's bottom stands there
	ctx, cancel := context.WithTimeout(b.ctx, 3*patience)
	defer cancel()
	raw, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatalf("picture %s: %v", path, err)
	}
	small, err := smaller(raw)
	if err != nil {
		b.t.Fatalf("picture %s: %v", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, small, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// smaller writes a PNG with a palette. Pages have few colours, and many shades of them
// at the edges of letters, of which the rarest become their nearest neighbours.
func smaller(raw []byte) ([]byte, error) {
	picture, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	area := picture.Bounds()
	area.Max.Y = min(area.Max.Y, area.Min.Y+tallest)
	flat := image.NewRGBA(area)
	draw.Draw(flat, area, picture, area.Min, draw.Src)
	counts := map[color.RGBA]int{}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			counts[flat.RGBAAt(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(order(a), order(b)))
	})
	var palette color.Palette
	for _, c := range all[:min(len(all), 256)] {
		palette = append(palette, c)
	}
	index := make(map[color.RGBA]uint8, len(all))
	for _, c := range all {
		index[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(area, palette)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			out.SetColorIndex(x, y, index[flat.RGBAAt(x, y)])
		}
	}
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&file, out)
	return file.Bytes(), err
}

// order is any order of colours, so that the same page gives the same file.
func order(c color.RGBA) int { return int(c.R)<<16 | int(c.G)<<8 | int(c.B) }
