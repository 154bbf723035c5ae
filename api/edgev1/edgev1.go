// Package edgev1 is the contract between an edge box and the center. It uses
// the standard library only. Every message is JSON in camelCase; times are
// UTC in RFC 3339; picture coordinates are normalised to the frame, 0..1, x
// to the right and y down; ids are ULIDs made on the box. A reader ignores
// fields it does not know.
package edgev1

// ProtocolVersion is the version that this code speaks. The center accepts
// it and the one before. History:
//
//	1  2026-11-24  first version
//	   2026-11-25  commands task and taskStop, observations, pictures of role
//	               crop and clip: a reader of before refuses them by name
const ProtocolVersion = 1

// Limits on what the center takes from a box; larger input is refused with a
// message that names the limit.
const (
	MaxPayload    = 512 << 10 // bytes of one MQTT message
	MaxBatch      = 128       // envelopes in one batch
	MaxText       = 512       // bytes of one text field
	MaxVertices   = 64        // of one polygon
	MaxZones      = 64        // of one camera
	MaxCameras    = 512       // of one box
	MaxEvidence   = 16        // pictures of one event
	MaxMarks      = 64        // boxes drawn on one event
	MaxEvidenceKB = 64 << 10  // KiB of one evidence file
)

// Kind is what is recognised.
type Kind string

// The kinds of events.
const (
	Stacking Kind = "stacking" // 占道堆物
	Frontage Kind = "frontage" // 跨门经营
	Sign     Kind = "sign"     // 店招变更
	Picture  Kind = "picture"  // 画面异常
)

// Phase tells where an event stands when the message is made.
type Phase string

// An event is opened once, may be updated, and is ended once.
const (
	Opened  Phase = "opened"
	Updated Phase = "updated"
	Ended   Phase = "ended"
)

// ZoneKind is what a zone is for.
type ZoneKind string

// The kinds of zones.
const (
	ZonePavement ZoneKind = "pavement" // things standing here are stacking
	ZoneFrontage ZoneKind = "frontage" // the strip outside a shop's door line
	ZoneSign     ZoneKind = "sign"     // a shop's sign plate
	ZonePermit   ZoneKind = "permit"   // things are allowed here within hours
	ZoneExclude  ZoneKind = "exclude"  // never judged
)

// Topics of one box. {edge} is the box's id.
const (
	TopicPrefix = "jx/v1/edge/"
	UpEvent     = "up/event"
	UpStatus    = "up/status"
	UpResult    = "up/result"
	DownConfig  = "down/config"
	DownCommand = "down/command"
	DownAck     = "down/ack"
)

// Topic joins a box id and one of the suffixes above.
func Topic(edge, suffix string) string { return TopicPrefix + edge + "/" + suffix }

// Point is a place in the frame, 0..1.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Box is a rectangle in the frame, 0..1; X and Y are its upper left corner.
type Box struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// Mark is a box with a word, for drawing over the clean frame. Role is
// "subject" or "excluded".
type Mark struct {
	Role  string  `json:"role"`
	Label string  `json:"label"`
	Score float64 `json:"score,omitempty"`
	Box   Box     `json:"box"`
}

// ModelRef names the model that took part in a judgement. Digest is the SM3
// of its file.
type ModelRef struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// SignVerdict is the answer about a sign.
type SignVerdict string

// Unreadable is an answer of its own: it is neither "same" nor "changed".
const (
	SignSame       SignVerdict = "same"
	SignChanged    SignVerdict = "changed"
	SignCovered    SignVerdict = "covered"
	SignGone       SignVerdict = "gone"
	SignUnreadable SignVerdict = "unreadable"
	SignRead       SignVerdict = "read" // a survey's reading that is compared with nothing
)

// SignReading is what was read on a sign and how it compares.
type SignReading struct {
	Verdict    SignVerdict `json:"verdict"`
	Registered string      `json:"registered"`
	Text       string      `json:"text"`
	// Confidence is the mean character probability, 0..1.
	Confidence float64 `json:"confidence"`
	// NameDistance is edit distance over the longer length, 0 same, 1 other.
	NameDistance float64 `json:"nameDistance"`
	// Similarity is the best normalised correlation with the reference
	// picture, -1..1; 0 when there is no reference.
	Similarity float64 `json:"similarity"`
	// GlyphPx is the height of the read text in source pixels.
	GlyphPx int `json:"glyphPx"`
	// Votes of Looks frames agreed.
	Votes int `json:"votes"`
	Looks int `json:"looks"`
	// Lines are all texts found in the zone.
	Lines []string `json:"lines,omitempty"`
}

// EvidenceRef points at an evidence file by its SM3 digest.
type EvidenceRef struct {
	Role      string `json:"role"` // frame | reference | first | crop | clip
	SM3       string `json:"sm3"`
	Size      int64  `json:"size"`
	MediaType string `json:"mediaType"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	TakenAt   Time   `json:"takenAt"`
}

// Rule is the set of numbers that decided, kept with the event.
type Rule struct {
	OpenScore  float64 `json:"openScore"`
	CloseScore float64 `json:"closeScore"`
	DwellS     float64 `json:"dwellS"`
	EndDelayS  float64 `json:"endDelayS"`
	K          int     `json:"k"`
	N          int     `json:"n"`
	MinArea    float64 `json:"minArea"`
	// ConfigVersion is the desired-state version that the rule came from.
	ConfigVersion int64 `json:"configVersion"`
}

// Event is one standing thing (or one sign state). The same ID is sent in
// each phase; Rev grows by one with each message about it.
type Event struct {
	ID        string `json:"id"`
	Rev       int    `json:"rev"`
	Camera    string `json:"camera"`
	Kind      Kind   `json:"kind"`
	Phase     Phase  `json:"phase"`
	Zone      string `json:"zone"`
	ZoneName  string `json:"zoneName"`
	ZoneHours string `json:"zoneHours,omitempty"`
	// ZonePolygon is the zone as it was when the event was judged.
	ZonePolygon []Point `json:"zonePolygon,omitempty"`
	// Since is when the thing was first seen; ConfirmedAt when the rule
	// was met; EndedAt when it was seen gone.
	Since       Time  `json:"since"`
	ConfirmedAt Time  `json:"confirmedAt"`
	EndedAt     *Time `json:"endedAt,omitempty"`
	// ClockOffsetMS is the box clock minus the center's, as last measured.
	ClockOffsetMS int64         `json:"clockOffsetMs"`
	Score         float64       `json:"score"`
	Scores        []ScorePoint  `json:"scores,omitempty"`
	Area          float64       `json:"area"`
	Box           Box           `json:"box"`
	Marks         []Mark        `json:"marks,omitempty"`
	Rule          Rule          `json:"rule"`
	Models        []ModelRef    `json:"models,omitempty"`
	Sign          *SignReading  `json:"sign,omitempty"`
	Detail        string        `json:"detail,omitempty"`
	Evidence      []EvidenceRef `json:"evidence,omitempty"`
}

// ScorePoint is one look's score, for the confidence line.
type ScorePoint struct {
	At    Time    `json:"at"`
	Score float64 `json:"score"`
}

// Envelope numbers one message of a box. Seq starts at 1 and has no gaps
// within one Epoch; a box that lost its outbox starts a new Epoch (a ULID).
type Envelope struct {
	Seq    int64  `json:"seq"`
	ID     string `json:"id"`
	MadeAt Time   `json:"madeAt"`
	// Exactly one of the following is set.
	Event       *Event       `json:"event,omitempty"`
	Observation *Observation `json:"observation,omitempty"`
	Gap         *Gap         `json:"gap,omitempty"`
}

// Gap tells the center that messages were dropped on purpose (disk cap), so
// that the hole is explained.
type Gap struct {
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Reason string `json:"reason"`
}

// Batch is the payload of up/event.
type Batch struct {
	V      int        `json:"v"`
	Edge   string     `json:"edge"`
	Epoch  string     `json:"epoch"`
	SentAt Time       `json:"sentAt"`
	Items  []Envelope `json:"items"`
}

// SeqRange is inclusive at both ends.
type SeqRange struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Rejection says why the center will never take an envelope; the box keeps
// it aside and shows it.
type Rejection struct {
	Seq     int64  `json:"seq"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Ack is the payload of down/ack: these rows are committed at the center.
type Ack struct {
	V        int         `json:"v"`
	Edge     string      `json:"edge"`
	Epoch    string      `json:"epoch"`
	At       Time        `json:"at"`
	Accepted []SeqRange  `json:"accepted"`
	Rejected []Rejection `json:"rejected,omitempty"`
	// Want lists evidence digests that the center does not hold yet.
	Want []string `json:"want,omitempty"`
}
