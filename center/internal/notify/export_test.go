package notify

// Row gives a channel as the service takes it, for tests.
func (c NotifyChannel) Row() channelRow {
	return channelRow{Code: c.Code, Mode: c.Mode, Address: c.Address, AppID: c.AppID, Secret: c.Secret, Sender: c.Sender, PerHour: c.PerHour, QuietFrom: c.QuietFrom, QuietTo: c.QuietTo, Tries: c.Tries, RetryMinutes: c.RetryMinutes, ExpireHours: c.ExpireHours, Rev: c.Rev}
}

// Row gives preferences as the service takes them.
func (p NotifyPrefs) Row() prefRow {
	return prefRow{Off: join(p.Off), QuietFrom: p.QuietFrom, QuietTo: p.QuietTo, Mail: p.Mail}
}

// Row gives a rule as the service takes it.
func (r NotifyRule) Row() ruleRow { return r.row() }

// ParseReceipts reads reports and tells how many they are.
func ParseReceipts(body []byte) (int, error) {
	l, err := parseReceipts(body)
	return len(l), err
}
