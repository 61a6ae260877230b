package dashboards

const (
	dashboardWidth = 24
	// rowIDs leaves room for panels to be added to a row without others' ids changing: links and alerts name panels by id.
	rowIDs = 100
)

// row is a heading and the panels under it, which know their sizes but not their places.
type row struct {
	title  string
	panels []panel
}

// arrange places rows under one another and a row's panels from left to right, as many as fit beside one another.
func arrange(rows []row) []panel {
	var out []panel
	y := 0
	for i, r := range rows {
		id := (i + 1) * rowIDs
		open, none := false, []panel{}
		out = append(out, panel{
			Type: "row", Title: r.title, ID: id, Collapsed: &open, Panels: &none,
			GridPos: gridPos{H: 1, W: dashboardWidth, Y: y},
		})
		y++
		x, height := 0, 0
		for n, p := range r.panels {
			if x+p.GridPos.W > dashboardWidth {
				x, y, height = 0, y+height, 0
			}
			p.ID = id + n + 1
			p.GridPos.X, p.GridPos.Y = x, y
			out = append(out, p)
			x += p.GridPos.W
			height = max(height, p.GridPos.H)
		}
		y += height
	}
	return out
}
