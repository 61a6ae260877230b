package remote

import "strconv"

// maxPointBytes is more than servers write for one point; what is longer is read by the general way.
const maxPointBytes = 80

// exactPowers are those powers of ten that a float64 holds exactly.
var exactPowers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// scanPoint reads [time,"value"] without white space from the beginning of b, the time in whole seconds with at most three
// decimals: what every server writes. It answers the time in milliseconds, the value and the number of bytes; 0 bytes if b
// begins with anything else, or ends before the point does.
func scanPoint(b []byte) (t int64, v float64, n int) {
	if len(b) < len(`[0,"0"]`) || b[0] != '[' {
		return 0, 0, 0
	}
	i := 1
	for ; i < len(b) && i < 14 && b[i]-'0' <= 9; i++ {
		t = t*10 + int64(b[i]-'0')
	}
	if i == 1 {
		return 0, 0, 0
	}
	scale := int64(1000)
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && scale > 1 && b[i]-'0' <= 9; i++ {
			t = t*10 + int64(b[i]-'0')
			scale /= 10
		}
	}
	t *= scale
	if i+2 >= len(b) || b[i] != ',' || b[i+1] != '"' {
		return 0, 0, 0
	}
	i += 2
	v, used := scanValue(b[i:])
	if used == 0 {
		return 0, 0, 0
	}
	if i += used; i+1 >= len(b) || b[i] != '"' || b[i+1] != ']' {
		return 0, 0, 0
	}
	return t, v, i + 2
}

// scanValue reads a number up to a quote. Decimals with few digits are exact in one multiplication or division; the library
// reads the others.
func scanValue(b []byte) (v float64, n int) {
	i, negative := 0, false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	var mantissa uint64
	first, point := i, -1
	for ; i < len(b); i++ {
		if digit := b[i] - '0'; digit <= 9 {
			mantissa = mantissa*10 + uint64(digit)
		} else if b[i] == '.' && point < 0 {
			point = i
		} else {
			break
		}
	}
	if i >= len(b) {
		return 0, 0
	}
	digits, decimals := i-first, 0
	if point >= 0 {
		digits--
		decimals = i - point - 1
	}
	if b[i] == '"' && digits > 0 && digits <= 15 && decimals < digits {
		v = float64(mantissa) / exactPowers[decimals]
		if negative {
			v = -v
		}
		return v, i
	}
	for ; i < len(b) && b[i] != '"' && b[i] != '\\'; i++ {
	}
	if i >= len(b) || b[i] != '"' {
		return 0, 0
	}
	v, err := strconv.ParseFloat(string(b[:i]), 64)
	if err != nil {
		return 0, 0
	}
	return v, i
}
