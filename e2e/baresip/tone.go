package baresip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"time"
)

// rate is the sampling rate of G.711 and so of what a phone plays and records.
const rate = 8000

// writeTone writes a mono 16-bit WAV file with a sine; 0 Hz is silence.
func writeTone(file string, hz int, length time.Duration) error {
	n := int(length.Seconds() * rate)
	var b bytes.Buffer
	b.WriteString("RIFF")
	for _, v := range []any{uint32(36 + 2*n), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), uint32(2 * n)} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return err
		}
	}
	for i := range n {
		s := int16(12000 * math.Sin(2*math.Pi*float64(hz)*float64(i)/rate))
		b.Write([]byte{byte(s), byte(uint16(s) >> 8)})
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// containsTone tells whether a recording has half a second in which most of the
// energy is at the frequency (Goertzel's algorithm). The file may still grow: its
// header's lengths are not believed.
func containsTone(file string, hz int) (bool, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	i := bytes.Index(raw, []byte("data"))
	if len(raw) < 44 || i < 0 {
		return false, fmt.Errorf("%s: no samples yet", file)
	}
	if r := binary.LittleEndian.Uint32(raw[24:]); r != rate {
		return false, errors.New(file + ": not sampled at 8 kHz")
	}
	samples := raw[i+8:]
	const window = rate / 2
	for from := 0; from+2*window <= len(samples); from += window {
		if share(samples[from:from+2*window], hz) > 0.6 {
			return true, nil
		}
	}
	return false, nil
}

// share is the part of the energy of little-endian 16-bit samples at hz.
func share(pcm []byte, hz int) float64 {
	n := len(pcm) / 2
	w := 2 * math.Cos(2*math.Pi*float64(hz)/rate)
	var s1, s2, energy float64
	for i := range n {
		x := float64(int16(binary.LittleEndian.Uint16(pcm[2*i:])))
		energy += x * x
		s1, s2 = x+w*s1-s2, s1
	}
	if energy < float64(n)*100*100 { // silence
		return 0
	}
	return 2 * (s1*s1 + s2*s2 - w*s1*s2) / (energy * float64(n))
}
