package coord

import "math"

// mercator is a transverse Mercator projection by the series of Krüger to the
// sixth power of the third flattening: exact to far less than a millimetre
// within some hundred kilometres of the central meridian.
type mercator struct {
	e      float64 // first eccentricity
	radius float64 // rectifying radius times the scale
	lon0   float64 // radians
	x0, y0 float64 // y0 with the meridian arc of the origin taken off
	alpha  [6]float64
	beta   [6]float64
}

func newMercator(p Profile) mercator {
	f := 1 / p.RF
	n := f / (2 - f)
	n2, n3, n4, n5, n6 := n*n, n*n*n, n*n*n*n, n*n*n*n*n, n*n*n*n*n*n
	m := mercator{e: math.Sqrt(f * (2 - f)), lon0: p.Lon0 * math.Pi / 180, x0: p.X0}
	m.radius = p.K * p.A / (1 + n) * (1 + n2/4 + n4/64 + n6/256)
	m.alpha = [6]float64{
		n/2 - 2*n2/3 + 5*n3/16 + 41*n4/180 - 127*n5/288 + 7891*n6/37800,
		13*n2/48 - 3*n3/5 + 557*n4/1440 + 281*n5/630 - 1983433*n6/1935360,
		61*n3/240 - 103*n4/140 + 15061*n5/26880 + 167603*n6/181440,
		49561*n4/161280 - 179*n5/168 + 6601661*n6/7257600,
		34729*n5/80640 - 3418889*n6/1995840,
		212378941 * n6 / 319334400,
	}
	m.beta = [6]float64{
		n/2 - 2*n2/3 + 37*n3/96 - n4/360 - 81*n5/512 + 96199*n6/604800,
		n2/48 + n3/15 - 437*n4/1440 + 46*n5/105 - 1118711*n6/3870720,
		17*n3/480 - 37*n4/840 - 209*n5/4480 + 5569*n6/90720,
		4397*n4/161280 - 11*n5/504 - 830251*n6/7257600,
		4583*n5/161280 - 108847*n6/3991680,
		20648693 * n6 / 638668800,
	}
	m.y0 = p.Y0 - m.arc(p.Lat0)
	return m
}

// conformal gives the tangent of the conformal latitude.
func (m mercator) conformal(t float64) float64 {
	s := math.Sinh(m.e * math.Atanh(m.e*t/math.Sqrt(1+t*t)))
	return t*math.Sqrt(1+s*s) - s*math.Sqrt(1+t*t)
}

// arc is the length of the meridian from the equator, in metres.
func (m mercator) arc(lat float64) float64 {
	xi := math.Atan(m.conformal(math.Tan(lat * math.Pi / 180)))
	sum := xi
	for j, a := range m.alpha {
		sum += a * math.Sin(2*float64(j+1)*xi)
	}
	return m.radius * sum
}

func (m mercator) forward(lng, lat float64) (e, n float64) {
	t := m.conformal(math.Tan(lat * math.Pi / 180))
	l := lng*math.Pi/180 - m.lon0
	sin, cos := math.Sincos(l)
	xi := math.Atan2(t, cos)
	eta := math.Asinh(sin / math.Hypot(t, cos))
	e, n = eta, xi
	for j, a := range m.alpha {
		k := 2 * float64(j+1)
		n += a * math.Sin(k*xi) * math.Cosh(k*eta)
		e += a * math.Cos(k*xi) * math.Sinh(k*eta)
	}
	return m.x0 + m.radius*e, m.y0 + m.radius*n
}

func (m mercator) inverse(e, n float64) (lng, lat float64) {
	eta0, xi0 := (e-m.x0)/m.radius, (n-m.y0)/m.radius
	xi, eta := xi0, eta0
	for j, b := range m.beta {
		k := 2 * float64(j+1)
		xi -= b * math.Sin(k*xi0) * math.Cosh(k*eta0)
		eta -= b * math.Cos(k*xi0) * math.Sinh(k*eta0)
	}
	sin, cos := math.Sincos(xi)
	sh := math.Sinh(eta)
	want := sin / math.Hypot(sh, cos) // tangent of the conformal latitude
	t := want
	for range 8 { // Newton: three steps are enough on the earth
		got := m.conformal(t)
		d := (want - got) / math.Sqrt(1+got*got) * (1 + (1-m.e*m.e)*t*t) / ((1 - m.e*m.e) * math.Sqrt(1+t*t))
		t += d
		if math.Abs(d) < 1e-15*math.Max(1, math.Abs(t)) {
			break
		}
	}
	return (m.lon0 + math.Atan2(sh, cos)) * 180 / math.Pi, math.Atan(t) * 180 / math.Pi
}
