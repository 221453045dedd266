package topology

import (
	"fmt"
	"html"
	"io"
	"strings"
)

const svgStyle = `  <style>
    text { font-family: "Inter", "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
    .title { font-size: 14px; font-weight: 600; } .small { font-size: 12px; }
    .processor rect { fill: #1f4e79; } .processor .title { fill: #ffffff; } .processor .small { fill: #c9dcee; }
    .topic rect { fill: #eef4fa; stroke: #9dbdd8; } .topic .title { fill: #1b2b3a; } .topic .small { fill: #5a7086; }
    .edge { fill: none; stroke: #8aa0b4; stroke-width: 1.6; } .note { font-size: 12px; fill: #5a7086; }
  </style>
`

// SVG writes the graph as a picture that stands alone. Processors are dark,
// topics light; records go from left to right.
func (g *Graph) SVG(w io.Writer) error {
	p := g.picture()
	l := p.layout()
	var b strings.Builder
	width, height := max(l.width, 2*margin+smallChar*float64(len(p.note))), l.height
	if p.note != "" {
		height += smallLine + padding
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="Processors and topics">`+"\n",
		width, height, width, height)
	b.WriteString(svgStyle)
	b.WriteString(`  <defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">` +
		`<path d="M0,1 L10,5 L0,9 z" fill="#8aa0b4"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `  <rect width="%.0f" height="%.0f" fill="#ffffff"/>`+"\n", width, height)
	for _, r := range l.routes {
		fmt.Fprintf(&b, `  <path class="edge" marker-end="url(#arrow)" d="%s"/>`+"\n", r.path(l.bottom))
	}
	for _, one := range l.boxes {
		one.draw(&b)
	}
	if p.note != "" {
		fmt.Fprintf(&b, `  <text class="note" x="%.0f" y="%.0f">%s</text>`+"\n", margin, height-margin/2, html.EscapeString(p.note))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (b *box) draw(w *strings.Builder) {
	class, round := "topic", b.h/2
	if b.node.processor {
		class, round = "processor", 6
	}
	round = min(round, 22)
	top := b.y - b.h/2
	fmt.Fprintf(w, `  <g class="%s"><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.0f"/>`, class, b.x, top, b.w, b.h, round)
	at := top + padding + 14
	fmt.Fprintf(w, `<text class="title" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, b.x+b.w/2, at, html.EscapeString(b.node.title))
	for _, line := range b.node.lines {
		at += smallLine + 1
		fmt.Fprintf(w, `<text class="small" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, b.x+b.w/2, at, html.EscapeString(line))
	}
	w.WriteString("</g>\n")
}

// path is a smooth line from the right side of the first box to the left side of
// the last; an edge back goes round below all boxes.
func (r route) path(bottom float64) string {
	from, to := r[0], r[len(r)-1]
	if to.layer <= from.layer {
		left, right := to.x+to.w/2, from.x+from.w/2
		return fmt.Sprintf("M%.1f,%.1f C%.1f,%.1f %.1f,%.1f %.1f,%.1f",
			right, from.y+from.h/2, right, bottom+backRoom, left, bottom+backRoom, left, to.y+to.h/2)
	}
	x, y := from.x+from.w, from.y
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f,%.1f", x, y)
	for _, next := range r[1:] {
		half := (next.x - x) / 2
		fmt.Fprintf(&b, " C%.1f,%.1f %.1f,%.1f %.1f,%.1f", x+half, y, next.x-half, next.y, next.x, next.y)
		x, y = next.x, next.y
	}
	return b.String()
}
