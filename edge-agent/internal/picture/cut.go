package picture

// Cut copies a part of the picture that lies within it, at even places so
// that chroma fits.
func (p *YUV) Cut(r Rect) *YUV {
	x, y := r.X0&^1, r.Y0&^1
	v := &YUV{
		W: r.X1 - x, H: r.Y1 - y, YStride: p.YStride, CStride: p.CStride, FullRange: p.FullRange,
		Y: p.Y[y*p.YStride+x:], U: p.U[y/2*p.CStride+x/2:], V: p.V[y/2*p.CStride+x/2:],
	}
	return v.Clone()
}
