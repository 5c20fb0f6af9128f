"""What the dashboard takes: spans a second, beside a page that somebody looks at."""
