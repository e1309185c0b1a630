"""What is remembered: tables, one unit of work, read-only queries, documents. SQLite and PostgreSQL alike."""
