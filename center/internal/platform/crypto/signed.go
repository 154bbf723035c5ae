package crypto

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// Signed is a thing that the center signed: an evidence file, a document.
type Signed struct {
	ID       string
	Object   string // kind of the record, for example "alert"
	ObjectID string
	Name     string // what people call it
	SM3      string
	// Signer is who made the center sign, Region whose it is.
	Signer, SignerName, RegionCode string
	Signature
}

type signedRow struct {
	bun.BaseModel `bun:"table:crypto_signatures,alias:s"`

	ID         string `bun:",pk"`
	Object     string
	ObjectID   string
	Name       string
	SM3        string `bun:"sm3"`
	Purpose    string
	KeyID      string
	Alg        string
	Value      string
	Signer     string
	SignerName string
	RegionCode string
	SignedAt   clock.Stamp
}

// SignRecord signs a thing by its digest and keeps the signature, in the
// caller's transaction. What is signed already stays as it is.
func (k *Keys) SignRecord(ctx context.Context, tx db.Tx, purpose string, s Signed) error {
	sig, err := k.SignDigest(purpose, s.SM3)
	if err != nil {
		return err
	}
	r := signedRow{
		ID: ids.New(), Object: s.Object, ObjectID: s.ObjectID, Name: s.Name, SM3: s.SM3, Purpose: sig.Purpose, KeyID: sig.KeyID,
		Alg: sig.Alg, Value: sig.Value, Signer: s.Signer, SignerName: s.SignerName, RegionCode: s.RegionCode, SignedAt: sig.At,
	}
	if _, err := tx.NewInsert().Model(&r).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("keep signature of %s %s: %w", s.Object, s.ObjectID, err)
	}
	return nil
}

// maxSigned bounds what one question answers.
const maxSigned = 200

// SignedBy finds signatures by the digest of what was signed.
func (k *Keys) SignedBy(ctx context.Context, sm3 string) ([]Signed, error) {
	return k.signed(ctx, "s.sm3 = ?", sm3)
}

// SignedOf finds the signatures of a record.
func (k *Keys) SignedOf(ctx context.Context, object, id string) ([]Signed, error) {
	return k.signed(ctx, "s.object = ? AND s.object_id = ?", object, id)
}

func (k *Keys) signed(ctx context.Context, where string, args ...any) ([]Signed, error) {
	rows := []signedRow{}
	if err := k.d.Read().NewSelect().Model(&rows).Where(where, args...).Order("s.signed_at", "s.id").Limit(maxSigned).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read signatures: %w", err)
	}
	out := make([]Signed, 0, len(rows))
	for _, r := range rows {
		s := Signed{
			ID: r.ID, Object: r.Object, ObjectID: r.ObjectID, Name: r.Name, SM3: r.SM3, Signer: r.Signer, SignerName: r.SignerName, RegionCode: r.RegionCode,
			Signature: Signature{KeyID: r.KeyID, Alg: r.Alg, Purpose: r.Purpose, Value: r.Value, At: r.SignedAt},
		}
		if x, err := k.known(KindSign, r.KeyID); err == nil {
			s.Cert = x.Cert
		}
		out = append(out, s)
	}
	return out, nil
}
