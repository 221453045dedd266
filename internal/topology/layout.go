package topology

import (
	"cmp"
	"slices"
)

// Layout in layers, after Sugiyama: each node stands right of all that lead to
// it, an edge over several layers passes through a joint in each, and sweeps
// over the layers put each node beside the mean of its neighbours.

// Measures of the drawing, in pixels.
const (
	layerGap   = 74.0
	rowGap     = 26.0
	margin     = 28.0
	titleLine  = 20.0
	smallLine  = 16.0
	padding    = 12.0
	titleChar  = 8.1 // mean width of a letter of the title
	smallChar  = 6.5
	jointSpace = 10.0
	backRoom   = 48.0 // how far edges back bend below the lowest box
)

// box is a node, or a joint of an edge, in its place.
type box struct {
	node       *node // nil for a joint
	layer      int
	x, y, w, h float64
	in, out    []*box
}

// route is an edge with the boxes that it passes, its ends included.
type route []*box

type layout struct {
	layers        [][]*box
	boxes         []*box // of nodes
	routes        []route
	width, height float64
	bottom        float64 // of the lowest box
}

func (p *picture) layout() *layout {
	l := &layout{}
	byNode := make(map[*node]*box, len(p.nodes))
	for _, n := range p.nodes {
		b := &box{node: n, layer: p.depth(n), h: 2*padding + titleLine + smallLine*float64(len(n.lines)), w: titleChar * float64(len(n.title))}
		for _, line := range n.lines {
			b.w = max(b.w, smallChar*float64(len(line)))
		}
		b.w += 2*padding + 8
		byNode[n] = b
		l.boxes = append(l.boxes, b)
		l.place(b)
	}
	for _, e := range p.edges {
		l.route(byNode[e[0]], byNode[e[1]])
	}
	for range 8 {
		l.sweep(func(b *box) []*box { return b.in }, false)
		l.sweep(func(b *box) []*box { return b.out }, true)
	}
	l.measure()
	return l
}

// depth is the length of the longest way to n; an edge that would close a cycle
// does not count.
func (p *picture) depth(n *node) int {
	onWay := make(map[*node]bool)
	var longest func(*node) int
	longest = func(n *node) int {
		onWay[n] = true
		defer delete(onWay, n)
		depth := 0
		for _, e := range p.edges {
			if e[1] == n && !onWay[e[0]] {
				depth = max(depth, longest(e[0])+1)
			}
		}
		return depth
	}
	return longest(n)
}

func (l *layout) place(b *box) {
	for len(l.layers) <= b.layer {
		l.layers = append(l.layers, nil)
	}
	l.layers[b.layer] = append(l.layers[b.layer], b)
}

func (l *layout) route(from, to *box) {
	r := route{from}
	for layer := from.layer + 1; layer < to.layer; layer++ {
		joint := &box{layer: layer, h: jointSpace}
		l.place(joint)
		r = append(r, joint)
	}
	r = append(r, to)
	l.routes = append(l.routes, r)
	for i := 1; i < len(r); i++ {
		if r[i-1].layer < r[i].layer { // an edge back has no say in where things stand
			r[i-1].out, r[i].in = append(r[i-1].out, r[i]), append(r[i].in, r[i-1])
		}
	}
}

// sweep sorts each layer by the mean height of its boxes' neighbours and moves
// them there, as far as they leave each other room.
func (l *layout) sweep(neighbours func(*box) []*box, back bool) {
	layers := slices.Clone(l.layers)
	if back {
		slices.Reverse(layers)
	}
	for _, layer := range layers {
		wish := make(map[*box]float64, len(layer))
		for _, b := range layer {
			wish[b] = b.y
			if list := neighbours(b); len(list) > 0 {
				sum := 0.0
				for _, n := range list {
					sum += n.y
				}
				wish[b] = sum / float64(len(list))
			}
		}
		slices.SortStableFunc(layer, func(a, b *box) int { return cmp.Compare(wish[a], wish[b]) })
		settle(layer, wish)
	}
}

// settle puts the boxes of a layer, whose order is given, as near to their wishes
// as can be: boxes that touch form a block, which stands at the mean of its
// wishes. Heights are those of the boxes' middles.
func settle(layer []*box, wish map[*box]float64) {
	type block struct {
		boxes []*box
		sum   float64 // of wishes, each less the place within the block
		size  float64
	}
	top := func(b block) float64 { return b.sum / float64(len(b.boxes)) }
	var blocks []block
	for _, b := range layer {
		blocks = append(blocks, block{[]*box{b}, wish[b] - b.h/2, b.h + rowGap})
		for n := len(blocks); n > 1 && top(blocks[n-2])+blocks[n-2].size > top(blocks[n-1]); n = len(blocks) {
			upper, lower := blocks[n-2], blocks[n-1]
			lower.sum -= upper.size * float64(len(lower.boxes))
			blocks = append(blocks[:n-2], block{append(upper.boxes, lower.boxes...), upper.sum + lower.sum, upper.size + lower.size})
		}
	}
	for _, b := range blocks {
		y := top(b)
		for _, one := range b.boxes {
			one.y = y + one.h/2
			y += one.h + rowGap
		}
	}
}

// measure gives the layers their places and the drawing its size.
func (l *layout) measure() {
	x, highest := margin, 0.0
	for _, layer := range l.layers {
		width := 0.0
		for _, b := range layer {
			width, highest = max(width, b.w), min(highest, b.y-b.h/2)
		}
		for _, b := range layer {
			if b.node != nil {
				b.w = width
			}
			b.x = x + (width-b.w)/2
		}
		x += width + layerGap
	}
	l.width = x - layerGap + margin
	for _, layer := range l.layers {
		for _, b := range layer {
			b.y += margin - highest
			l.bottom = max(l.bottom, b.y+b.h/2)
		}
	}
	l.height = l.bottom + margin
	if slices.ContainsFunc(l.routes, func(r route) bool { return r[len(r)-1].layer <= r[0].layer }) {
		l.height += backRoom / 2
	}
}
