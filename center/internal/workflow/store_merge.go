package workflow

import (
	"context"
	"fmt"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/workflow/engine"
)

// runningOf lists the running instances that an organisation has to do with,
// in the order in which they are locked.
func runningOf(ctx context.Context, tx db.Tx, org string) ([]string, error) {
	var out []string
	err := tx.NewSelect().TableExpr("workflow_instances AS i").ColumnExpr("i.id").Where("i.state = ?", engine.Running).
		Where(`(i.starter_org = ? OR EXISTS (SELECT 1 FROM workflow_tasks AS t WHERE t.instance_id = i.id AND t.ended_at IS NULL AND t.candidates LIKE ? ESCAPE '!'))`,
			org, db.Contains(`"orgId":"`+org+`"`)).
		OrderExpr("i.id").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("read instances of an organisation: %w", err)
	}
	return out, nil
}

func moveStarter(ctx context.Context, tx db.Tx, instance, from, into string) error {
	_, err := tx.NewUpdate().Table("workflow_instances").Set("starter_org = ?", into).Where("id = ? AND starter_org = ?", instance, from).Exec(ctx)
	if err != nil {
		return fmt.Errorf("move instance to another organisation: %w", err)
	}
	return nil
}
