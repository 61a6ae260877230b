package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// Dashboard is Grafana's JSON of a dashboard, as far as these use it.
type Dashboard struct {
	Annotations          annotationList `json:"annotations"`
	Description          string         `json:"description"`
	Editable             bool           `json:"editable"`
	FiscalYearStartMonth int            `json:"fiscalYearStartMonth"`
	GraphTooltip         int            `json:"graphTooltip"`
	// ID is null: Grafana gives every installation's copy its own.
	ID            *int         `json:"id"`
	Links         []link       `json:"links"`
	Panels        []panel      `json:"panels"`
	Refresh       string       `json:"refresh"`
	SchemaVersion int          `json:"schemaVersion"`
	Tags          []string     `json:"tags"`
	Templating    variableList `json:"templating"`
	Time          timeRange    `json:"time"`
	Timepicker    struct{}     `json:"timepicker"`
	Timezone      string       `json:"timezone"`
	Title         string       `json:"title"`
	UID           string       `json:"uid"`
	Version       int          `json:"version"`
	WeekStart     string       `json:"weekStart"`
}

// link is a button at the top of a dashboard.
type link struct {
	AsDropdown  bool     `json:"asDropdown"`
	Icon        string   `json:"icon"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	Tags        []string `json:"tags"`
	TargetBlank bool     `json:"targetBlank"`
	Title       string   `json:"title"`
	Tooltip     string   `json:"tooltip"`
	Type        string   `json:"type"`
	URL         string   `json:"url"`
}

// dataLink leads from a series or a cell to where more is said about it.
type dataLink struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type dataSourceRef struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// query is a query of the data source, by a panel, an annotation or (with label and filters only) a variable.
type query struct {
	RefID         string              `json:"refId"`
	DataSource    *dataSourceRef      `json:"datasource,omitempty"`
	QueryType     string              `json:"queryType,omitempty"`
	Signal        string              `json:"signal,omitempty"`
	Statistics    []signal.Statistic  `json:"statistics,omitempty"`
	GroupBy       []signal.Label      `json:"groupBy,omitempty"`
	Label         signal.Label        `json:"label,omitempty"`
	Filters       map[string][]string `json:"filters"`
	Limit         int                 `json:"limit,omitempty"`
	IncludeOthers *bool               `json:"includeOthers,omitempty"`
	Legend        string              `json:"legend,omitempty"`
	EmptyAsRow    bool                `json:"emptyAsRow,omitempty"`
}

type annotationList struct {
	List []annotation `json:"list"`
}

type annotation struct {
	BuiltIn    int           `json:"builtIn,omitempty"`
	DataSource dataSourceRef `json:"datasource"`
	Enable     bool          `json:"enable"`
	// Filter, where set, names the only panels that show them.
	Filter    *panelFilter `json:"filter,omitempty"`
	Hide      bool         `json:"hide"`
	IconColor string       `json:"iconColor"`
	Name      string       `json:"name"`
	Target    *query       `json:"target,omitempty"`
	Type      string       `json:"type,omitempty"`
}

type panelFilter struct {
	Exclude bool  `json:"exclude"`
	IDs     []int `json:"ids"`
}

type variableList struct {
	List []variable `json:"list"`
}

type variable struct {
	Current     map[string]any `json:"current"`
	DataSource  *dataSourceRef `json:"datasource,omitempty"`
	Definition  string         `json:"definition,omitempty"`
	Description string         `json:"description,omitempty"`
	Hide        int            `json:"hide"`
	IncludeAll  bool           `json:"includeAll"`
	Label       string         `json:"label"`
	Multi       bool           `json:"multi"`
	Name        string         `json:"name"`
	Options     []any          `json:"options"`
	// Query is a plugin's id for a variable of data sources, a query for one of values.
	Query       any    `json:"query"`
	Refresh     int    `json:"refresh"`
	Regex       string `json:"regex"`
	SkipURLSync bool   `json:"skipUrlSync"`
	Sort        int    `json:"sort"`
	Type        string `json:"type"`
}

// gridPos is a panel's place: the dashboard is 24 wide, a unit of height is 38 pixels.
type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type panel struct {
	// Collapsed and Panels are a row's alone; in an open row the panels follow it instead of being in it.
	Collapsed   *bool          `json:"collapsed,omitempty"`
	DataSource  *dataSourceRef `json:"datasource,omitempty"`
	Description string         `json:"description,omitempty"`
	FieldConfig *fieldConfig   `json:"fieldConfig,omitempty"`
	GridPos     gridPos        `json:"gridPos"`
	ID          int            `json:"id"`
	// MaxDataPoints bounds the points of a series; without it they are as many as the panel is wide in pixels.
	MaxDataPoints   int              `json:"maxDataPoints,omitempty"`
	Options         map[string]any   `json:"options,omitempty"`
	Panels          *[]panel         `json:"panels,omitempty"`
	Targets         []query          `json:"targets,omitempty"`
	Title           string           `json:"title"`
	Transformations []transformation `json:"transformations,omitempty"`
	Type            string           `json:"type"`
}

// transformation is one step of how Grafana changes the results before a panel shows them.
type transformation struct {
	ID      string         `json:"id"`
	Options map[string]any `json:"options"`
}

type fieldConfig struct {
	Defaults  fieldDefaults `json:"defaults"`
	Overrides []override    `json:"overrides"`
}

type fieldDefaults struct {
	Color      color          `json:"color"`
	Custom     map[string]any `json:"custom,omitempty"`
	Decimals   *int           `json:"decimals,omitempty"`
	Links      []dataLink     `json:"links,omitempty"`
	Mappings   []mapping      `json:"mappings,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	NoValue    string         `json:"noValue"`
	Thresholds thresholds     `json:"thresholds"`
	Unit       string         `json:"unit,omitempty"`
}

// mapping shows special values as something else.
type mapping struct {
	Type    string         `json:"type"`
	Options mappingOptions `json:"options"`
}

type mappingOptions struct {
	Match  string        `json:"match"`
	Result mappingResult `json:"result"`
}

type mappingResult struct {
	Color string `json:"color"`
	Text  string `json:"text"`
}

type color struct {
	FixedColor string `json:"fixedColor,omitempty"`
	Mode       string `json:"mode"`
}

type thresholds struct {
	Mode  string          `json:"mode"`
	Steps []thresholdStep `json:"steps"`
}

type thresholdStep struct {
	Color string `json:"color"`
	// Value is null for the first step, which has no lower bound.
	Value *float64 `json:"value"`
}

// override changes how the series look whose name matches.
type override struct {
	Matcher    matcher    `json:"matcher"`
	Properties []property `json:"properties"`
}

type matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

type property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}
