"""The embedded collector and viewer: takes OTLP over HTTP, keeps spans in a file of SQLite, and shows them as pages."""
