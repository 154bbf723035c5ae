package edgev1

// CameraState is computed from ages, never from a wish.
type CameraState string

// The states of one camera.
const (
	Online       CameraState = "online"
	Connecting   CameraState = "connecting"   // never had a picture yet
	Reconnecting CameraState = "reconnecting" // lost, ladder running
	NoVerdict    CameraState = "noVerdict"    // picture present but unfit to judge
	Offline      CameraState = "offline"      // lost for longer than three intervals
	Refused      CameraState = "refused"      // wrong password, unsupported stream: needs a person
	Disabled     CameraState = "disabled"
)

// Diagnosis is what is wrong with a picture.
type Diagnosis string

// The picture faults.
const (
	Healthy Diagnosis = "healthy"
	Black   Diagnosis = "black"
	Frozen  Diagnosis = "frozen"
	Covered Diagnosis = "covered"
	Blurred Diagnosis = "blurred"
	Dark    Diagnosis = "dark"
	Bright  Diagnosis = "bright"
	Moved   Diagnosis = "moved"
	Corrupt Diagnosis = "corrupt"
)

// CameraStatus is one camera in a status message. Ages are milliseconds at
// Status.At; -1 means never.
type CameraStatus struct {
	Camera    string      `json:"camera"`
	State     CameraState `json:"state"`
	Since     Time        `json:"since"`
	Diagnosis Diagnosis   `json:"diagnosis"`
	// Detail is a sentence for people: what is wrong and what to do.
	Detail        string  `json:"detail,omitempty"`
	PacketAgeMS   int64   `json:"packetAgeMs"`
	KeyframeAgeMS int64   `json:"keyframeAgeMs"`
	InferAgeMS    int64   `json:"inferAgeMs"`
	UploadAgeMS   int64   `json:"uploadAgeMs"`
	Codec         string  `json:"codec,omitempty"`
	Width         int     `json:"width,omitempty"`
	Height        int     `json:"height,omitempty"`
	FPS           float64 `json:"fps,omitempty"`
	GOPS          float64 `json:"gopS,omitempty"`
	KbitS         float64 `json:"kbitS,omitempty"`
	Attempts      int     `json:"attempts"`
	NextTryMS     int64   `json:"nextTryMs,omitempty"`
	Looks         int64   `json:"looks"`
	Skipped       int64   `json:"skipped"`
	Errors        int64   `json:"errors"`
	IntervalMS    int64   `json:"intervalMs"`
	// Pushing tells that a live view is being pushed to the center.
	Pushing bool `json:"pushing,omitempty"`
	// Record tells how the recording fares; nil when there is none.
	Record *RecordStatus `json:"record,omitempty"`
}

// Status is the payload of up/status, sent every ten seconds and on change.
// The broker keeps none of it; the last will is a Status with Gone set.
type Status struct {
	V        int    `json:"v"`
	Edge     string `json:"edge"`
	Instance string `json:"instance"`
	Epoch    string `json:"epoch"`
	At       Time   `json:"at"`
	Gone     bool   `json:"gone,omitempty"`
	Version  string `json:"version"`
	UptimeS  int64  `json:"uptimeS"`
	// ConfigVersion is the desired state that is running.
	ConfigVersion int64          `json:"configVersion"`
	OutboxDepth   int64          `json:"outboxDepth"`
	OutboxAgeMS   int64          `json:"outboxAgeMs"`
	EvidenceDepth int64          `json:"evidenceDepth"`
	DroppedTotal  int64          `json:"droppedTotal"`
	LastSeq       int64          `json:"lastSeq"`
	DiskFreeMB    int64          `json:"diskFreeMb"`
	MemoryMB      int64          `json:"memoryMb"`
	CPUPercent    float64        `json:"cpuPercent"`
	Load          float64        `json:"load"`
	Cameras       []CameraStatus `json:"cameras"`
}

// Config is the desired state of a box, the retained payload of down/config.
// The box applies it, keeps it for a start without the center, and touches
// nothing that did not change.
type Config struct {
	V       int      `json:"v"`
	Edge    string   `json:"edge"`
	Version int64    `json:"version"`
	MadeAt  Time     `json:"madeAt"`
	Cameras []Camera `json:"cameras"`
}

// Camera is one camera's desired state.
type Camera struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// URL is the main stream, SubURL the small one; analysis runs on the
	// sub-stream when it is given, evidence and signs use the main one.
	URL      string `json:"url"`
	SubURL   string `json:"subUrl,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// Transport is "tcp" (default) or "udp".
	Transport  string `json:"transport,omitempty"`
	IntervalMS int64  `json:"intervalMs"`
	Disabled   bool   `json:"disabled,omitempty"`
	Zones      []Zone `json:"zones"`
	// ReferenceSM3 names an operator-confirmed empty picture.
	ReferenceSM3 string `json:"referenceSm3,omitempty"`
	// Record asks for a recording on the box's disk; nil for none.
	Record *Record `json:"record,omitempty"`
}

// Zone is a polygon and the rule inside it.
type Zone struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Kind    ZoneKind `json:"kind"`
	Polygon []Point  `json:"polygon"`
	// Hours as "07:00-22:00" in Asia/Shanghai, several joined by a comma;
	// empty means always.
	Hours     string  `json:"hours,omitempty"`
	DwellS    float64 `json:"dwellS,omitempty"`
	EndDelayS float64 `json:"endDelayS,omitempty"`
	// MinArea is the least share of the frame, 0..1.
	MinArea    float64 `json:"minArea,omitempty"`
	OpenScore  float64 `json:"openScore,omitempty"`
	CloseScore float64 `json:"closeScore,omitempty"`
	// Shop and SignName belong to a sign zone: the registered name, and
	// the stored picture of the sign (SM3) with which it is compared.
	Shop             string `json:"shop,omitempty"`
	SignName         string `json:"signName,omitempty"`
	SignReferenceSM3 string `json:"signReferenceSm3,omitempty"`
	// ScaleM2 is the area in m² that the whole frame's share 1.0 would have
	// at this zone, 0 when unknown.
	ScaleM2 float64 `json:"scaleM2,omitempty"`
}

// CommandKind is what the center asks of a box.
type CommandKind string

// The commands.
const (
	CmdSnapshot  CommandKind = "snapshot"  // take a main-stream picture now, upload it, answer with its reference
	CmdProbe     CommandKind = "probe"     // look at a URL and answer with a ProbeReport
	CmdPushStart CommandKind = "pushStart" // push the camera's stream to PushURL
	CmdPushStop  CommandKind = "pushStop"
	CmdTask      CommandKind = "task"     // take a Task; the answer says taken or why not
	CmdTaskStop  CommandKind = "taskStop" // drop the Task whose id is in TaskID; unknown ones count as dropped
)

// Command is the payload of down/command. A box runs each id once and judges
// TTL from the moment of receipt by its monotonic clock, never by the wall
// clock.
type Command struct {
	V        int         `json:"v"`
	ID       string      `json:"id"`
	Kind     CommandKind `json:"kind"`
	TTLS     int         `json:"ttlS"`
	Camera   string      `json:"camera,omitempty"`
	URL      string      `json:"url,omitempty"`
	Username string      `json:"username,omitempty"`
	Password string      `json:"password,omitempty"`
	PushURL  string      `json:"pushUrl,omitempty"`
	// From and Until bound recordings. Lead begins a cut with the key
	// picture before From; without it cuts of neighbouring spans neither
	// overlap nor leave a gap.
	From   Time   `json:"from,omitzero"`
	Until  Time   `json:"until,omitzero"`
	Lead   bool   `json:"lead,omitempty"`
	Task   *Task  `json:"task,omitempty"`
	TaskID string `json:"taskId,omitempty"`
	// SentAt lets the box measure its clock offset.
	SentAt Time `json:"sentAt"`
}

// Result is the payload of up/result, the answer to a command.
type Result struct {
	V        int          `json:"v"`
	Edge     string       `json:"edge"`
	Command  string       `json:"command"`
	At       Time         `json:"at"`
	OK       bool         `json:"ok"`
	Message  string       `json:"message,omitempty"`
	Snapshot *EvidenceRef `json:"snapshot,omitempty"`
	Probe    *ProbeReport `json:"probe,omitempty"`
	Spans    []Span       `json:"spans,omitempty"`
	Cut      *Cut         `json:"cut,omitempty"`

	Running *Running `json:"running,omitempty"`
}

// ProbeReport is what a box found at a stream's address. Warnings are
// sentences for people.
type ProbeReport struct {
	URL         string   `json:"url"`
	OK          bool     `json:"ok"`
	Message     string   `json:"message,omitempty"`
	Codec       string   `json:"codec,omitempty"`
	Profile     string   `json:"profile,omitempty"`
	Width       int      `json:"width,omitempty"`
	Height      int      `json:"height,omitempty"`
	FPS         float64  `json:"fps,omitempty"`
	GOPS        float64  `json:"gopS,omitempty"`
	KbitS       float64  `json:"kbitS,omitempty"`
	Audio       bool     `json:"audio,omitempty"`
	ClockSkewMS *int64   `json:"clockSkewMs,omitempty"`
	ConnectMS   int64    `json:"connectMs,omitempty"`
	FirstKeyMS  int64    `json:"firstKeyMs,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
}

// EnrolRequest is POSTed to /edge/v1/enrol with a one-time token. CSR is a
// PEM certificate request; Instance is the box's own random id, so that a
// copied certificate on a second machine is noticed.
type EnrolRequest struct {
	Token    string `json:"token"`
	Instance string `json:"instance"`
	CSR      string `json:"csr"`
	Version  string `json:"version"`
	Hostname string `json:"hostname"`
}

// EnrolResponse gives the box its identity and where to connect.
type EnrolResponse struct {
	Edge        string `json:"edge"`
	Name        string `json:"name"`
	Certificate string `json:"certificate"` // PEM, with the chain
	CA          string `json:"ca"`          // PEM, to trust for MQTT and HTTPS
	MQTT        string `json:"mqtt"`        // tls://host:port
	HTTPS       string `json:"https"`       // https://host:port
}
