package access

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

type peopleIn struct {
	httpx.Paging
	Org      string `query:"org" maxLength:"64"`
	Below    bool   `query:"below"`
	Role     string `query:"role" maxLength:"40"`
	State    string `query:"state" enum:"active,disabled,left"`
	Expiring int    `query:"expiring" minimum:"0" maximum:"3660" doc:"Certificates that end within days, ended ones too"`
}

func (in *peopleIn) filter() (PersonFilter, error) {
	order, err := in.Order(map[string]string{"name": "p.name", "account": "p.account", "org": "g.region_code", "certTo": "p.cert_to", "updatedAt": "p.updated_at"}, "g.region_code, p.account")
	return PersonFilter{OrgID: in.Org, Below: in.Below, Role: in.Role, Q: in.Q, State: in.State, Expiring: in.Expiring, Order: order, Limit: in.Limit(), Offset: in.Offset()}, err
}

type memberBody struct {
	Account  string  `json:"account,omitempty" maxLength:"32"`
	Name     string  `json:"name" maxLength:"40"`
	OrgID    string  `json:"orgId,omitempty" maxLength:"64"`
	Phone    *string `json:"phone,omitempty" maxLength:"20" doc:"Left out: as it is"`
	IDNo     *string `json:"idNo,omitempty" maxLength:"18" doc:"Left out: as it is"`
	CertNo   string  `json:"certNo,omitempty" maxLength:"40"`
	Posts    string  `json:"posts,omitempty" maxLength:"100"`
	CertFrom int     `json:"certFrom,omitempty"`
	CertTo   int     `json:"certTo,omitempty"`
	Rev      int     `json:"rev,omitempty"`
}

func (b memberBody) input() MemberInput { return MemberInput(b) }

type moveIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		ToOrg  string `json:"toOrg,omitempty" maxLength:"64"`
		HandTo string `json:"handTo,omitempty" maxLength:"64"`
		Reason string `json:"reason" maxLength:"200"`
		Rev    int    `json:"rev"`
	}
}

func (in *moveIn) input() MoveInput {
	return MoveInput{PersonID: in.ID, ToOrg: in.Body.ToOrg, HandTo: in.Body.HandTo, Reason: in.Body.Reason, Rev: in.Body.Rev}
}

func (s *Service) registerPeople(api huma.API) {
	httpx.Register(api, OrgManage, op("list-people", "GET", "/api/people", "People of the organisations that one manages"),
		func(ctx context.Context, in *peopleIn) (*httpx.Body[httpx.List[Member]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			list, n, err := s.Members(ctx, f)
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, OrgManage, op("export-people", "GET", "/api/people.xlsx", "People as a spreadsheet, numbers masked"),
		func(ctx context.Context, in *peopleIn) (*sheet.File, error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			b, err := s.ExportMembers(ctx, f)
			if err != nil {
				return nil, err
			}
			return sheet.Attachment("人员.xlsx", b), nil
		})
	httpx.Register(api, OrgManage, op("create-person", "POST", "/api/people", "Make a person"),
		func(ctx context.Context, in *struct{ Body memberBody }) (*httpx.Body[Member], error) {
			return httpx.Out(s.CreateMember(ctx, in.Body.input()))
		})
	httpx.Register(api, OrgManage, op("get-person", "GET", "/api/people/{id}", "A person"),
		func(ctx context.Context, in *idIn) (*httpx.Body[Member], error) {
			return httpx.Out(s.Member(ctx, in.ID))
		})
	httpx.Register(api, OrgManage, op("update-person", "PUT", "/api/people/{id}", "Change a person's data"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64"`
			Body memberBody
		},
		) (*httpx.Body[Member], error) {
			return httpx.Out(s.UpdateMember(ctx, in.ID, in.Body.input()))
		})
	httpx.Register(api, OrgManage, opDone("transfer-person", "POST", "/api/people/{id}/transfer", "Move a person to another organisation; grants end, open work is handed over"),
		func(ctx context.Context, in *moveIn) (*emptyOut, error) { return nil, s.Transfer(ctx, in.input()) })
	httpx.Register(api, OrgManage, opDone("leave-person", "POST", "/api/people/{id}/leave", "A person leaves; grants end, open work is handed over"),
		func(ctx context.Context, in *moveIn) (*emptyOut, error) { return nil, s.Leave(ctx, in.input()) })
	httpx.Register(api, OrgManage, op("list-person-moves", "GET", "/api/people/{id}/moves", "A person's transfers"),
		func(ctx context.Context, in *idIn) (*httpx.Body[[]Move], error) {
			return httpx.Out(s.Moves(ctx, in.ID))
		})
	imp := op("import-people", "POST", "/api/people/import", "Load people from a spreadsheet, or try it")
	imp.MaxBodyBytes = 8 << 20
	httpx.Register(api, OrgManage, imp,
		func(ctx context.Context, in *struct {
			Dry     bool   `query:"dry"`
			RawBody []byte `contentType:"application/octet-stream"`
		},
		) (*httpx.Body[Imported], error) {
			return httpx.Out(s.ImportPersons(ctx, in.RawBody, in.Dry))
		})
	httpx.Register(api, PersonReveal, op("reveal-person", "POST", "/api/persons/{id}/reveal", "A person's numbers in full, with a reason that is recorded"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64"`
			Body struct {
				Reason string `json:"reason" maxLength:"200"`
			}
		},
		) (*httpx.Body[Secrets], error) {
			return httpx.Out(s.Reveal(ctx, in.ID, in.Body.Reason))
		})
}

func (s *Service) registerOrgs(api huma.API) {
	httpx.Register(api, httpx.SignedIn, op("list-org-tree", "GET", "/api/orgs/tree", "All organisations, those that ended too"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]OrgNode], error) {
			return httpx.Out(s.OrgTree(ctx))
		})
	httpx.Register(api, OrgManage, op("create-org", "POST", "/api/orgs", "Add an organisation"),
		func(ctx context.Context, in *struct {
			Body struct {
				Name       string `json:"name" maxLength:"40"`
				Kind       string `json:"kind" enum:"district,squad,unit"`
				RegionCode string `json:"regionCode" maxLength:"12"`
				ParentID   string `json:"parentId" maxLength:"64"`
				ScopeCode  string `json:"scopeCode,omitempty" maxLength:"40"`
				Reason     string `json:"reason,omitempty" maxLength:"200"`
			}
		},
		) (*httpx.Body[Org], error) {
			return httpx.Out(s.CreateOrg(ctx, OrgInput(in.Body)))
		})
	httpx.Register(api, OrgManage, opDone("change-org", "POST", "/api/orgs/{id}/change", "Rename, move, disable, enable or merge an organisation, or set its scope"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64"`
			Body struct {
				Act       string `json:"act" enum:"rename,move,scope,disable,enable,merge"`
				Name      string `json:"name,omitempty" maxLength:"40"`
				ParentID  string `json:"parentId,omitempty" maxLength:"64"`
				ScopeCode string `json:"scopeCode,omitempty" maxLength:"40"`
				Into      string `json:"into,omitempty" maxLength:"64"`
				Reason    string `json:"reason" maxLength:"200"`
				Rev       int    `json:"rev"`
			}
		},
		) (*emptyOut, error) {
			b := in.Body
			return nil, s.ChangeOrg(ctx, OrgChange{ID: in.ID, Act: b.Act, Name: b.Name, ParentID: b.ParentID, ScopeCode: b.ScopeCode, Into: b.Into, Reason: b.Reason, Rev: b.Rev})
		})
	httpx.Register(api, OrgManage, op("list-org-history", "GET", "/api/orgs/{id}/history", "What happened to an organisation"),
		func(ctx context.Context, in *idIn) (*httpx.Body[[]OrgStep], error) {
			return httpx.Out(s.OrgHistory(ctx, in.ID))
		})
}

func (s *Service) registerAbsences(api huma.API) {
	type listIn struct {
		httpx.Paging
		All   bool   `query:"all" doc:"Of all people whom one manages"`
		State string `query:"state" enum:"asked,active,declined,ended"`
	}
	httpx.Register(api, httpx.SignedIn, op("list-absences", "GET", "/api/absences", "Substitutions of one's own, or of those whom one manages"),
		func(ctx context.Context, in *listIn) (*httpx.Body[httpx.List[Substitute]], error) {
			list, n, err := s.Absences(ctx, in.All, in.State, in.Limit(), in.Offset())
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, httpx.SignedIn, op("ask-absence", "POST", "/api/absences", "Ask somebody to stand in"),
		func(ctx context.Context, in *struct {
			Body struct {
				AbsentID     string      `json:"absentId,omitempty" maxLength:"64"`
				SubstituteID string      `json:"substituteId" maxLength:"64"`
				Perms        []string    `json:"perms,omitempty" maxItems:"100"`
				From         clock.Stamp `json:"from"`
				To           clock.Stamp `json:"to"`
				Reason       string      `json:"reason" maxLength:"200"`
			}
		},
		) (*httpx.Body[Substitute], error) {
			return httpx.Out(s.Absent(ctx, AbsenceInput(in.Body)))
		})
	type actIn struct {
		ID   string `path:"id" maxLength:"64"`
		Body struct {
			Agree  bool   `json:"agree,omitempty"`
			Reason string `json:"reason,omitempty" maxLength:"200"`
			Rev    int    `json:"rev"`
		}
	}
	httpx.Register(api, httpx.SignedIn, opDone("answer-absence", "POST", "/api/absences/{id}/answer", "Agree to a substitution or decline it"),
		func(ctx context.Context, in *actIn) (*emptyOut, error) {
			return nil, s.Answer(ctx, in.ID, in.Body.Agree, in.Body.Reason, in.Body.Rev)
		})
	httpx.Register(api, httpx.SignedIn, opDone("end-absence", "POST", "/api/absences/{id}/end", "End a substitution"),
		func(ctx context.Context, in *actIn) (*emptyOut, error) {
			return nil, s.EndAbsence(ctx, in.ID, in.Body.Reason, in.Body.Rev)
		})
}
