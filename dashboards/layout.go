package dashboards

import "cmp"

const (
	dashboardWidth = 24
	// rowIDs leaves room for panels to be added to a row without others' ids changing: links and alerts name panels by id.
	rowIDs = 100
)

// row is a heading and the panels under it, which have sizes but no positions.
type row struct {
	title  string
	panels []panel
	// closed rows show their heading only, and query nothing, until they are opened.
	closed bool
	// number is what the ids of the panels begin with, where it is not the row's place: a row that moves keeps its ids.
	number int
}

// arrange places rows under one another.
func arrange(rows []row) []panel {
	var out []panel
	y := 0
	for i, r := range rows {
		id := cmp.Or(r.number, i+1) * rowIDs
		heading := panel{
			Type: "row", Title: r.title, ID: id, Collapsed: &r.closed, Panels: &[]panel{},
			GridPos: gridPos{H: 1, W: dashboardWidth, Y: y},
		}
		y++
		placed, height := place(r.panels, id, y)
		if r.closed {
			heading.Panels = &placed
			out = append(out, heading)
			continue
		}
		out = append(append(out, heading), placed...)
		y += height
	}
	return out
}

// place puts panels from left to right, as many as fit beside one another, from a height on. It returns how high they are
// together.
func place(panels []panel, id, top int) (placed []panel, height int) {
	x, y, line := 0, 0, 0
	for n, p := range panels {
		if x+p.GridPos.W > dashboardWidth {
			x, y, line = 0, y+line, 0
		}
		p.ID = id + n + 1
		p.GridPos.X, p.GridPos.Y = x, top+y
		placed = append(placed, p)
		x += p.GridPos.W
		line = max(line, p.GridPos.H)
	}
	return placed, y + line
}
