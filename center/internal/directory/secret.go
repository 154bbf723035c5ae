package directory

import (
	"strconv"

	"jiexun/center/internal/platform/crypto"
)

// passwordPurpose names the key of camera passwords and of what holds them.
const passwordPurpose = "camera.password"

// Sealed are the columns that hold camera passwords.
func Sealed() []crypto.Column {
	return []crypto.Column{
		{Purpose: passwordPurpose, Table: "dir_cameras", ID: "id", Column: "password"},
		{Purpose: passwordPurpose, Table: "dir_configs", ID: "box_id || ':' || version", Column: "body"},
	}
}

func passwordPlace(camera string) string { return "dir_cameras.password:" + camera }

func configPlace(box string, version int64) string {
	return "dir_configs.body:" + box + ":" + strconv.FormatInt(version, 10)
}

// sealPassword puts a new password into a camera, sealed for its row. An
// empty one leaves what is stored.
func (s *Service) sealPassword(c *Camera, plain string) error {
	if plain == "" {
		return nil
	}
	sealed, err := s.keys.Seal(passwordPurpose, plain, passwordPlace(c.ID))
	c.Password = sealed
	return err
}

// openPasswords makes passwords readable for the boxes, which need them. What
// was stored before there were keys passes.
func (s *Service) openPasswords(cams []Camera) error {
	for i := range cams {
		plain, err := s.keys.OpenOrPlain(passwordPurpose, cams[i].Password, passwordPlace(cams[i].ID))
		if err != nil {
			return err
		}
		cams[i].Password = plain
	}
	return nil
}
